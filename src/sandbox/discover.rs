//! Finds a server program on this machine and the folders it needs.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::failure::{SandboxFailure, Wanted};
use crate::db::Flavor;
use crate::db::server::{Version, parse_version};
use crate::exit::Failure;

/// Selects the server: `mariadb`, `mysql`, the name of a fetched server, or a path.
pub const SERVER_VARIABLE: &str = "DBTOOL_SERVER";

/// Overrides the folder that `scripts/fetch-server` unpacks servers into.
pub const CACHE_VARIABLE: &str = "DBTOOL_SERVER_CACHE";

/// Folders searched after `PATH`: `/usr/sbin` is not on a normal user's path.
const USUAL_FOLDERS: &[&str] = &[
    "/usr/sbin",
    "/usr/bin",
    "/usr/libexec",
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/local/mysql/bin",
    "/usr/local/mariadb/bin",
    "/usr/local/opt/mariadb/bin",
    "/usr/local/opt/mysql/bin",
    "/opt/homebrew/bin",
    "/opt/homebrew/opt/mariadb/bin",
    "/opt/homebrew/opt/mysql/bin",
];

/// Folders of a server's messages and SQL files, relative to its base folder.
const SHARE_FOLDERS: &[&str] = &["share/mysql", "share/mariadb", "share"];

/// A server program and the folders to pass to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerBinary {
    /// Server family.
    pub flavor: Flavor,
    /// Version as printed by the program, e.g. `10.11.6-MariaDB`.
    pub version: String,
    /// The program (or a wrapper script that executes it).
    pub program: PathBuf,
    /// `--basedir`.
    pub basedir: PathBuf,
    /// Messages (`--lc-messages-dir`) and, for MariaDB, the SQL files of a new data directory.
    pub share: PathBuf,
}

impl fmt::Display for ServerBinary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.flavor, self.version)
    }
}

/// Finds a server: the one named by a flag (`name`), by the environment variable `DBTOOL_SERVER`, or
/// the first one found, MariaDB before MySQL.
///
/// # Errors
/// A usage failure that names the packages to install, or the fault of the program that was named.
pub fn find_server(name: Option<&str>) -> Result<ServerBinary, Failure> {
    let from_environment = env::var(SERVER_VARIABLE).ok().filter(|value| !value.is_empty());
    match name.map(str::to_owned).or(from_environment) {
        None => first_of(
            SearchPath::from_environment().candidates(&["mariadbd", "mysqld"], &["mariadb", "mysql"]),
            Wanted::Any,
            |_| true,
        ),
        Some(name) => named(&name),
    }
}

/// Finds the server on this machine that is closest to a live server of this family and version:
/// family first, then version. `DBTOOL_SERVER` overrides the search.
///
/// # Errors
/// A usage failure that names the packages to install, or the fault of the program that was named.
pub fn find_closest(flavor: Flavor, version: Version) -> Result<ServerBinary, Failure> {
    if env::var_os(SERVER_VARIABLE).is_some_and(|value| !value.is_empty()) {
        return find_server(None);
    }
    let search = SearchPath::from_environment();
    let fetched = search.all_fetched();
    let fetched: Vec<&str> = fetched.iter().map(String::as_str).collect();
    let candidates = search.candidates(&["mariadbd", "mysqld"], &fetched);
    let servers = candidates.iter().filter_map(|candidate| inspect(candidate).ok());
    let closest = servers.min_by_key(|server| distance(server, flavor, version));
    match closest {
        Some(server) => Ok(server),
        None => find_server(None),
    }
}

/// Distance between a server program and a live server; a different family is the largest.
fn distance(program: &ServerBinary, flavor: Flavor, version: Version) -> (bool, u16, u16, u16) {
    let (major, minor, patch) = parse_version(&program.version);
    (
        program.flavor != flavor,
        major.abs_diff(version.0),
        minor.abs_diff(version.1),
        patch.abs_diff(version.2),
    )
}

fn named(name: &str) -> Result<ServerBinary, Failure> {
    let search = SearchPath::from_environment();
    match name {
        "mariadb" => first_of(
            search.candidates(&["mariadbd", "mysqld"], &["mariadb"]),
            Wanted::Family("MariaDB"),
            |server| server.flavor.id() == name,
        ),
        "mysql" => first_of(
            search.candidates(&["mysqld"], &["mysql"]),
            Wanted::Family("MySQL"),
            |server| server.flavor.id() == name,
        ),
        path if path.contains('/') => inspect(Path::new(path)),
        fetched => first_of(
            search.fetched(&[fetched]),
            Wanted::Fetched(fetched.to_owned()),
            |_| true,
        ),
    }
}

/// The first candidate that is a working server and is accepted.
fn first_of(
    candidates: Vec<PathBuf>,
    wanted: Wanted,
    accepts: impl Fn(&ServerBinary) -> bool,
) -> Result<ServerBinary, Failure> {
    let mut broken = None;
    for candidate in candidates {
        match inspect(&candidate) {
            Ok(server) if accepts(&server) => return Ok(server),
            Ok(_) => {}
            Err(failure) => broken = broken.or(Some(failure)),
        }
    }
    Err(broken.unwrap_or_else(|| SandboxFailure::NoProgram { wanted }.into()))
}

/// The folders to search; a value, so that the search can be tested.
struct SearchPath {
    folders: Vec<PathBuf>,
    caches: Vec<PathBuf>,
}

impl SearchPath {
    fn from_environment() -> Self {
        let path = env::var_os("PATH").unwrap_or_default();
        let mut folders: Vec<PathBuf> = env::split_paths(&path).filter(|p| p.is_absolute()).collect();
        folders.extend(USUAL_FOLDERS.iter().map(PathBuf::from));
        SearchPath {
            folders,
            caches: caches(),
        }
    }

    /// Existing programs with one of these names: installed servers first, then fetched ones.
    fn candidates(&self, programs: &[&str], fetched: &[&str]) -> Vec<PathBuf> {
        let mut found: Vec<PathBuf> = Vec::new();
        for program in programs {
            for folder in &self.folders {
                let path = folder.join(program);
                if path.is_file() && !found.contains(&path) {
                    found.push(path);
                }
            }
        }
        found.extend(self.fetched(fetched));
        found
    }

    /// The names of all fetched servers.
    fn all_fetched(&self) -> Vec<String> {
        let entries = self
            .caches
            .iter()
            .filter_map(|cache| cache.read_dir().ok())
            .flatten();
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// The wrapper scripts created by `scripts/fetch-server`.
    fn fetched(&self, names: &[&str]) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for name in names {
            for cache in &self.caches {
                let path = cache.join(name).join("bin/mysqld");
                if path.is_file() {
                    found.push(path);
                }
            }
        }
        found
    }
}

/// The caches of fetched servers: the variable's folder if set, otherwise `.cache` in the checkout of
/// the working directory or of the program.
fn caches() -> Vec<PathBuf> {
    if let Some(cache) = env::var_os(CACHE_VARIABLE).filter(|value| !value.is_empty()) {
        return vec![PathBuf::from(cache)];
    }
    let starts = [env::current_dir().ok(), env::current_exe().ok()];
    let mut found: Vec<PathBuf> = Vec::new();
    for start in starts.iter().flatten() {
        for folder in start.ancestors() {
            let cache = folder.join(".cache/servers");
            if cache.is_dir() && !found.contains(&cache) {
                found.push(cache);
            }
        }
    }
    found
}

/// Determines a program's family and version and finds the folders it needs.
///
/// # Errors
/// A usage failure that names the program and its fault.
pub fn inspect(program: &Path) -> Result<ServerBinary, Failure> {
    let output = Command::new(program)
        .args(["--no-defaults", "--version"])
        .output()
        .map_err(|error| SandboxFailure::CannotRun {
            program: program.to_owned(),
            error,
        })?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let Some((flavor, version)) = parse_printed(&text) else {
        return Err(SandboxFailure::NotAServer {
            program: program.to_owned(),
            printed: text.lines().next().unwrap_or("nothing").to_owned(),
        }
        .into());
    };
    let Some((basedir, share)) = folders_of(program) else {
        let program = program.to_owned();
        return Err(SandboxFailure::NoMessageFiles { program }.into());
    };
    Ok(ServerBinary {
        flavor,
        version,
        program: program.to_path_buf(),
        basedir,
        share,
    })
}

/// Parses `mariadbd  Ver 10.11.6-MariaDB-1 for debian-linux-gnu on x86_64 (Debian)`.
fn parse_printed(text: &str) -> Option<(Flavor, String)> {
    let after = text.split_once(" Ver ")?.1;
    let version = after.split_whitespace().next()?;
    if !version.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    Some((Flavor::from_texts(&[after]), version.to_owned()))
}

/// The base and share folders of a program: next to its own folder, with links resolved as package
/// managers create them, or in `usr` for an unpacked package behind a wrapper.
fn folders_of(program: &Path) -> Option<(PathBuf, PathBuf)> {
    let resolved = program.canonicalize().ok();
    for path in [Some(program.to_path_buf()), resolved].into_iter().flatten() {
        let Some(base) = path.parent().and_then(Path::parent) else {
            continue;
        };
        for basedir in [base.to_path_buf(), base.join("usr")] {
            for share in SHARE_FOLDERS {
                let share = basedir.join(share);
                if share.join("english/errmsg.sys").is_file() {
                    return Some((basedir, share));
                }
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{Flavor, SearchPath, parse_printed};
    use std::fs;

    #[test]
    fn reads_what_servers_print() {
        let cases = [
            (
                "mariadbd  Ver 10.11.6-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian 12)\n",
                Some((Flavor::MariaDb, "10.11.6-MariaDB-0+deb12u1")),
            ),
            (
                "/x/usr/sbin/mysqld  Ver 9.7.4-2 for Linux on x86_64 ((Debian))\n",
                Some((Flavor::MySql, "9.7.4-2")),
            ),
            (
                "/usr/sbin/mysqld  Ver 8.0.36 for Linux on x86_64",
                Some((Flavor::MySql, "8.0.36")),
            ),
            ("bash, version 5", None),
            ("x Ver y", None),
            ("", None),
        ];
        for (text, expected) in cases {
            let expected = expected.map(|(flavor, version)| (flavor, version.to_owned()));
            assert_eq!(parse_printed(text), expected, "{text}");
        }
    }

    #[test]
    fn installed_servers_come_before_fetched_ones_and_nothing_is_listed_twice() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let make = |path: &str| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
            fs::write(&path, "").expect("a file");
            path
        };
        let mysqld = make("sbin/mysqld");
        let mariadbd = make("sbin/mariadbd");
        let fetched = make("cache/mysql/bin/mysqld");
        let search = SearchPath {
            folders: vec![
                dir.path().join("sbin"),
                dir.path().join("sbin"),
                dir.path().join("absent"),
            ],
            caches: vec![dir.path().join("cache")],
        };
        assert_eq!(
            search.candidates(&["mariadbd", "mysqld"], &["mariadb", "mysql"]),
            [mariadbd, mysqld, fetched.clone()]
        );
        assert_eq!(search.fetched(&["mysql"]), [fetched]);
        assert!(search.fetched(&["mariadb-11.8"]).is_empty());
    }
}
