//! dbtool's own layout: `NNN_name.sql`, or `NNN_name.up.sql` with `NNN_name.down.sql`. Its marks are dbmate's.

use super::FileLayout;

pub(super) const LAYOUT: FileLayout = FileLayout {
    id: "dbtool",
    name: "dbtool",
    names: |_| Some("its files are named NUMBER_name.sql"),
    ..FileLayout::BY_NAMES
};
