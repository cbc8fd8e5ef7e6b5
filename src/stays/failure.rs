//! Why a command of the application's own data does not run: of each failure what happened, what to do next, and its
//! exit code.

use std::io;
use std::path::PathBuf;

use crate::db::DbError;
use crate::exit::{Failure, visible, visible_path};
use crate::report::count;

/// A failure of the commands on conversations and images.
#[derive(Debug)]
pub(crate) enum StaysFailure {
    /// The database lacks tables or columns that the command needs, each named as in `table users`.
    Lacking {
        database: String,
        missing: Vec<String>,
        remedy: Remedy,
    },
    /// There is no such user.
    NoUser { wanted: String },
    /// An image file cannot be used.
    Image { path: PathBuf, error: io::Error },
    /// The address of the application's list cannot be used.
    ApiUrl { fault: ApiUrlFault },
    /// The address has a user and password, and there is a token too.
    TwoLogins,
    /// The variable of the token is not set. `name` is `None` if what was given may be the token itself.
    NoToken { name: Option<String> },
    /// The file of the authority cannot be read.
    AuthorityUnreadable { path: PathBuf, error: io::Error },
    /// The file of the authority holds no certificate.
    NoAuthority { path: PathBuf },
    /// A run that creates conversations was stopped, after this many changes.
    Stopped {
        error: DbError,
        created: u64,
        repaired: u64,
        linked: u64,
    },
}

/// What brings the tables and columns that a database lacks.
#[derive(Debug)]
pub(crate) enum Remedy {
    /// The migration of this version.
    Migration(&'static str),
    /// The migration of the image's column, or the flags that name another column.
    ImageColumn,
}

/// Why the address of the application's list cannot be used. It is not shown: it may hold a password.
#[derive(Debug)]
pub(crate) enum ApiUrlFault {
    /// It is no URL.
    Malformed,
    /// It has another scheme.
    Scheme(String),
    /// It names no host.
    NoHost,
}

crate::exit::raised_as_failure!(StaysFailure);

impl From<StaysFailure> for Failure {
    fn from(failure: StaysFailure) -> Failure {
        use StaysFailure as F;
        match failure {
            F::Lacking {
                database,
                missing,
                remedy,
            } => {
                let pronoun = if missing.len() == 1 { "it" } else { "them" };
                let missing: Vec<String> = missing
                    .iter()
                    .map(|item| format!("no {}", visible(item)))
                    .collect();
                Failure::usage(
                    format!(
                        "there is {} in {}, or this account may not see {pronoun}",
                        missing.join(", "),
                        visible(&database)
                    ),
                    match remedy {
                        Remedy::Migration(version) => format!(
                            "run `dbtool migrate {version}`, correct DB_NAME, or grant this account SELECT on it"
                        ),
                        Remedy::ImageColumn => "`dbtool migrate` brings users.profile_image_url; or correct DB_NAME, \
                                                name another column with --table and --column, or grant this account \
                                                SELECT on it"
                            .to_owned(),
                    },
                )
            }
            F::NoUser { wanted } => Failure::usage(
                format!("there is no user {wanted:?}"),
                "give --user the email address or the id of a row in users, or leave it out for the busiest",
            ),
            F::Image { path, error } => Failure::usage(
                format!("the image {} cannot be used: {error}", visible_path(&path)),
                "give --image a readable PNG, JPEG, GIF or WebP file, or leave it out for generated ones",
            ),
            F::ApiUrl { fault } => Failure::usage(
                match fault {
                    ApiUrlFault::Malformed => "--api-url is no HTTP address".to_owned(),
                    ApiUrlFault::Scheme(scheme) => {
                        format!("--api-url has the scheme {}, which is not HTTP", visible(&scheme))
                    }
                    ApiUrlFault::NoHost => "--api-url names no host".to_owned(),
                },
                "write it as http://127.0.0.1:3000/api: the address above /conversations",
            ),
            F::TwoLogins => Failure::usage(
                "--api-url has a user and password, and --token-env gives a token too",
                "give one of them: a request has one Authorization header",
            ),
            F::NoToken { name } => Failure::usage(
                format!(
                    "--token-env names {} that is not set or empty",
                    name.as_deref().map_or("a variable".to_owned(), visible)
                ),
                "give the name of the variable that holds the token, not the token: export API_TOKEN=…, then \
                 --token-env API_TOKEN",
            ),
            F::AuthorityUnreadable { path, error } => Failure::usage(
                format!("--api-ca: cannot read {}: {error}", visible_path(&path)),
                AUTHORITY_HINT,
            ),
            F::NoAuthority { path } => Failure::usage(
                format!("--api-ca: {} holds no certificate", visible_path(&path)),
                AUTHORITY_HINT,
            ),
            F::Stopped {
                error,
                created,
                repaired,
                linked,
            } => {
                let mut done = format!("{} created", count(created));
                if repaired > 0 {
                    done.push_str(&format!(", {} repaired", count(repaired)));
                }
                Failure::new(
                    error.exit(),
                    format!("{} (after {done} and {} linked)", error.what(), count(linked)),
                    match error.next() {
                        "" => "run the command again: it goes on where it stopped".to_owned(),
                        next => {
                            format!("{next}; what is done stays done, and the next run goes on from there")
                        }
                    },
                )
            }
        }
    }
}

const AUTHORITY_HINT: &str = "name a file with the certificate of the authority, as PEM";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cancel::{Cancelled, Signal};
    use crate::exit::checks::{HOSTILE, check_each};

    #[test]
    fn each_names_a_next_step_and_escapes_names() {
        use StaysFailure as F;
        let name = || HOSTILE.to_owned();
        let path = || PathBuf::from(HOSTILE);
        let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
        let lacking = |remedy, count| F::Lacking {
            database: name(),
            missing: vec![name(); count],
            remedy,
        };
        let stopped = |error| F::Stopped {
            error,
            created: 1,
            repaired: 2,
            linked: 3,
        };
        let cases = vec![
            (lacking(Remedy::Migration("002"), 1), 2),
            (lacking(Remedy::ImageColumn, 2), 2),
            (F::NoUser { wanted: name() }, 2),
            (
                F::Image {
                    path: path(),
                    error: denied(),
                },
                2,
            ),
            (
                F::ApiUrl {
                    fault: ApiUrlFault::Malformed,
                },
                2,
            ),
            (
                F::ApiUrl {
                    fault: ApiUrlFault::Scheme(name()),
                },
                2,
            ),
            (
                F::ApiUrl {
                    fault: ApiUrlFault::NoHost,
                },
                2,
            ),
            (F::TwoLogins, 2),
            (F::NoToken { name: Some(name()) }, 2),
            (F::NoToken { name: None }, 2),
            (
                F::AuthorityUnreadable {
                    path: path(),
                    error: denied(),
                },
                2,
            ),
            (F::NoAuthority { path: path() }, 2),
            (stopped(DbError::refuse_too_large(20, 10).unwrap_err()), 4),
            (stopped(DbError::from(Cancelled(Signal::Interrupt))), 130),
        ];
        check_each(include_str!("failure.rs"), "StaysFailure", cases, &[]);
    }
}
