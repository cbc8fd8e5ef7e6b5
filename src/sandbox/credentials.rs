//! Connection data of a sandbox: variables for programs, files for people. No output contains the
//! password; only files that their owner alone can read do.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::config::{SANDBOX_VARIABLE, Scope, names};
use crate::sandbox::account::Account;
use crate::sandbox::supervisor::quote;

/// Variables that configure a connection. None is inherited: a part of the outer configuration
/// would lead a command to the wrong server.
pub fn connection_variables() -> Vec<&'static str> {
    let mut names = names(Scope::Server);
    names.push(SANDBOX_VARIABLE);
    names
}

/// Connection data of one sandbox.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The sandbox's directory.
    pub dir: PathBuf,
    /// The port on 127.0.0.1.
    pub port: u16,
    /// The account and its database.
    pub account: Account,
}

impl Credentials {
    /// Those of [`connection_variables`] that are set, with their values.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("DB_HOST", "127.0.0.1".to_owned()),
            ("DB_PORT", self.port.to_string()),
            ("DB_USER", self.account.user.clone()),
            ("DB_PASSWORD", self.account.password.reveal().to_owned()),
            ("DB_NAME", self.account.database.clone()),
            // Inside the sandbox's directory, so that the budget's files are removed with it.
            ("DB_BUDGET_DIR", self.dir.join("slots").display().to_string()),
            (SANDBOX_VARIABLE, self.dir.display().to_string()),
        ]
    }

    /// Option file for the `mariadb` or `mysql` client.
    pub fn client_file(&self) -> PathBuf {
        self.dir.join("client.cnf")
    }

    /// Shell file that sets the variables.
    pub fn env_file(&self) -> PathBuf {
        self.dir.join("env")
    }

    /// Writes both files and creates the folder for the budget.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write_files(&self) -> io::Result<()> {
        DirBuilder::new().mode(0o700).create(self.dir.join("slots"))?;
        let mut env = String::new();
        for name in connection_variables() {
            env.push_str(&format!("unset {name}\n"));
        }
        for (name, value) in self.variables() {
            env.push_str(&format!("export {name}={}\n", quote(&value)));
        }
        write_private(&self.env_file(), &env)?;
        let client = format!(
            "[client]\nhost=127.0.0.1\nprotocol=tcp\nport={}\nuser={}\npassword={}\n[mysql]\ndatabase={}\n",
            self.port,
            self.account.user,
            self.account.password.reveal(),
            self.account.database
        );
        write_private(&self.client_file(), &client)
    }
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?
        .write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::{Credentials, connection_variables};
    use crate::sandbox::account::Account;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_files_are_private_and_set_what_the_variables_say() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let access = Credentials {
            dir: dir.path().to_path_buf(),
            port: 4711,
            account: Account::generate("app", "demo"),
        };
        access.write_files().expect("written");
        for path in [access.client_file(), access.env_file()] {
            let mode = std::fs::metadata(&path).expect("the file").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            let text = std::fs::read_to_string(&path).expect("the file");
            assert!(text.contains("4711") && text.contains(access.account.password.reveal()));
        }
        let output = std::process::Command::new("/bin/sh")
            .arg("-c")
            .arg(format!(". '{}'; env", access.env_file().display()))
            .env_clear()
            .env("DATABASE_URL", "mysql://elsewhere")
            .output()
            .expect("a shell");
        let text = String::from_utf8_lossy(&output.stdout);
        for (name, value) in access.variables() {
            assert!(connection_variables().contains(&name));
            assert!(text.contains(&format!("{name}={value}\n")), "{name}");
        }
        assert!(!text.contains("DATABASE_URL"));
    }
}
