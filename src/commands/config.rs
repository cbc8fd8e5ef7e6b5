//! `dbtool config`: every value with its origin, secrets as stars.

use serde_json::json;

use crate::config::ConfigLine;
use crate::context::AppContext;
use crate::report::{Json, Outcome, Page, Table};

/// The configuration in force.
struct Shown {
    lines: Vec<ConfigLine>,
    env_file: Option<String>,
}

/// Reads the configuration and returns it for display. Opens no connection.
///
/// # Errors
/// A value that cannot be used.
pub fn run(app: &AppContext) -> anyhow::Result<Box<dyn Outcome>> {
    let config = app.config()?;
    Ok(Box::new(Shown {
        lines: config.lines(),
        env_file: config.env_file.as_ref().map(|path| path.display().to_string()),
    }))
}

impl Outcome for Shown {
    fn name(&self) -> &'static str {
        "config"
    }

    fn text(&self, page: &mut Page) {
        let mut table = Table::new(["NAME", "VALUE", "SET BY"]);
        for line in &self.lines {
            table.row([line.name, line.value.as_deref().unwrap_or("-"), &line.origin]);
        }
        page.table(table);
    }

    fn json(&self) -> Json<'_> {
        let values: serde_json::Map<String, serde_json::Value> = self
            .lines
            .iter()
            .map(|line| {
                (
                    line.name.to_owned(),
                    json!({ "value": line.value, "origin": line.origin }),
                )
            })
            .collect();
        Box::new(json!({ "env_file": self.env_file, "values": values }))
    }
}
