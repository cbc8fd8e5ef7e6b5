//! An online change that another program does: a stand-in, which does what the program would.

use std::os::unix::fs::PermissionsExt;

use super::{Place, assert_ends, definition, server};
use crate::support;

const STAND_IN: &str = "#!/bin/sh
for word in \"$@\"; do
    case \"$word\" in
        --defaults-file=*) file=${word#*=} ;;
        --alter=*) alter=${word#*=} ;;
    esac
done
echo \"file $(stat -c %a \"$file\") $file\"
echo \"words $*\"
grep -c '^password=\"..*\"$' \"$file\"
if [ -e FOLDER/fail ]; then exit 7; fi
touch FOLDER/go
while [ -e FOLDER/go ]; do sleep 0.02; done
echo \"Copying t: 50% 00:01 remain\"
";

#[test]
fn a_tool_does_a_change_and_gets_its_password_by_a_private_file() {
    let server = server();
    let mut admin = server.admin();
    let setup = [
        "CREATE TABLE t (id INT PRIMARY KEY, a INT)".to_owned(),
        "INSERT INTO t VALUES (1, 1)".to_owned(),
    ];
    let place = Place::new(&server, "tool", &setup, "ALTER TABLE t MODIFY a BIGINT");
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("pt-online-schema-change");
    let script = STAND_IN.replace("FOLDER", &folder.path().display().to_string());
    std::fs::write(&program, script).expect("a script");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("a program");
    let path = format!(
        "{}:{}",
        folder.path().display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let migrate = || {
        place
            .migrate(&server, &["--online-tool", "pt-osc"])
            .env("PATH", &path)
    };
    // What an earlier run of it has left is named.
    admin.exec("CREATE TABLE tool._t_new (id INT)");
    admin.exec("CREATE TRIGGER tool.pt_osc_tool_t_del AFTER DELETE ON tool.t FOR EACH ROW SET @x = 1");
    assert_ends(
        &migrate().run(),
        2,
        &[
            "nothing was run",
            "trigger pt_osc_tool_t_del, _t_new",
            "triggers first",
        ],
    );
    admin.exec("DROP TRIGGER tool.pt_osc_tool_t_del");
    admin.exec("DROP TABLE tool._t_new");
    std::fs::write(folder.path().join("fail"), "").expect("a file");
    assert_ends(
        &migrate().run(),
        4,
        &["pt-online-schema-change ended with exit code 7"],
    );
    std::fs::remove_file(folder.path().join("fail")).expect("the file");
    let running = migrate().spawn();
    let go = folder.path().join("go");
    support::wait_until(support::PATIENCE, "the stand-in runs", || go.exists());
    admin.exec("ALTER TABLE tool.t MODIFY a BIGINT");
    std::fs::remove_file(&go).expect("the file");
    let output = running.wait();
    assert_ends(
        &output,
        0,
        &["1 migration applied", "Copying t: 50%", "file 600 "],
    );
    assert!(
        output.stderr.contains("--alter=MODIFY a BIGINT") && output.stderr.contains("D=tool,t=t"),
        "{output}"
    );
    assert!(
        !output.stderr.contains(place.account.password.reveal()),
        "{output}"
    );
    let file = output
        .stderr
        .lines()
        .find_map(|line| line.strip_prefix("file 600 "));
    assert!(!std::path::Path::new(file.expect("a file")).exists());
    assert!(definition(&mut admin, "tool").contains("bigint"));
    assert_ends(&migrate().run(), 0, &["nothing to do"]);
}
