//! The account and database of a sandbox.

use rand::RngExt as _;
use rand::distr::Alphanumeric;

use crate::secret::Secret;

/// An account with all privileges on one database and none elsewhere, as an application has.
#[derive(Debug, Clone)]
pub struct Account {
    /// User name.
    pub user: String,
    /// Password.
    pub password: Secret,
    /// Name of the database it owns.
    pub database: String,
}

impl Account {
    /// An account with a random password of 24 letters and digits.
    pub fn generate(user: impl Into<String>, database: impl Into<String>) -> Self {
        let password: String = rand::rng()
            .sample_iter(Alphanumeric)
            .take(24)
            .map(char::from)
            .collect();
        Account {
            user: user.into(),
            password: Secret::new(password),
            database: database.into(),
        }
    }

    /// Statements that create the database and its user, each on one line, as an init file requires.
    /// The host is `%` because the server listens on loopback and a socket only, and does not
    /// resolve names.
    pub fn setup(&self) -> Vec<String> {
        let (user, password) = (literal(&self.user), literal(self.password.reveal()));
        let database = format!("`{}`", self.database.replace('`', "``"));
        vec![
            format!("CREATE DATABASE {database} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;"),
            format!("CREATE USER {user}@'%' IDENTIFIED BY {password};"),
            format!("GRANT ALL PRIVILEGES ON {database}.* TO {user}@'%';"),
        ]
    }
}

/// A string literal, valid under every sql_mode except NO_BACKSLASH_ESCAPES, which no server has
/// by default.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::{Account, literal};

    #[test]
    fn passwords_differ_and_need_no_escape() {
        let (one, two) = (Account::generate("app", "demo"), Account::generate("app", "demo"));
        assert_ne!(one.password, two.password);
        assert_eq!(one.password.reveal().len(), 24);
        assert!(one.password.reveal().chars().all(|c| c.is_ascii_alphanumeric()));
    }

    #[test]
    fn names_are_quoted() {
        let account = Account::generate("o'app", "de`mo");
        let setup = account.setup();
        assert!(setup[0].starts_with("CREATE DATABASE `de``mo` "));
        assert!(setup[2].ends_with("TO 'o''app'@'%';"));
        assert_eq!(literal(r"a\'b"), r"'a\\''b'");
    }
}
