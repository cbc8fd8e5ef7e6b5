//! Whose a process is, and in which container or service it runs.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;

/// What keeps a process running, and would start it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A container: the program that manages it, and its id or name.
    Container {
        /// `docker`, `podman`, `crictl`, `lxc`.
        engine: &'static str,
        /// The first twelve characters of its id, or its name.
        id: String,
    },
    /// A unit of systemd, such as `app.service`.
    Service(String),
}

impl Place {
    /// That of the process, as its control groups tell.
    pub(super) fn of(pid: u32) -> Option<Place> {
        Place::from_groups(&fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?)
    }

    fn from_groups(groups: &str) -> Option<Place> {
        let paths = || groups.lines().filter_map(|line| line.splitn(3, ':').nth(2));
        paths().find_map(container).or_else(|| paths().find_map(service))
    }

    /// The command that stops it.
    pub fn ending(&self) -> String {
        match self {
            Place::Container { engine, id } => format!("{engine} stop {id}"),
            Place::Service(unit) => format!("systemctl stop {unit}"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Container { engine, id } => write!(f, "container {id} ({engine})"),
            Place::Service(unit) => write!(f, "service {unit}"),
        }
    }
}

/// `/system.slice/docker-ID.scope`, `/docker/ID`, `…/cri-containerd-ID.scope`, `/lxc.payload.NAME/…`.
fn container(path: &str) -> Option<Place> {
    path.split('/').rev().find_map(|part| {
        if let Some(name) = part.strip_prefix("lxc.payload.") {
            return Some(Place::Container {
                engine: "lxc",
                id: name.to_owned(),
            });
        }
        let part = part.strip_suffix(".scope").unwrap_or(part);
        let id = part.rsplit('-').next().unwrap_or(part);
        let is_id = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let engine = match part.strip_suffix(id)? {
            _ if !is_id => return None,
            prefix if prefix.starts_with("libpod") => "podman",
            prefix if prefix.starts_with("cri") => "crictl",
            _ if path.contains("/kubepods") => "crictl",
            _ => "docker",
        };
        Some(Place::Container {
            engine,
            id: id.get(..12)?.to_owned(),
        })
    })
}

/// A service of the system, not of a user's session: `/system.slice/app.service`.
fn service(path: &str) -> Option<Place> {
    let rest = path.strip_prefix("/system.slice/")?;
    let unit = rest.split('/').find(|part| part.ends_with(".service"))?;
    // These only hold what somebody started by hand.
    let session = ["ssh.service", "sshd.service", "cron.service", "crond.service"].contains(&unit);
    (!session).then(|| Place::Service(unit.to_owned()))
}

/// The name of the user that the process runs as.
pub(super) fn user_of(pid: u32) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let uids = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    let effective = uids.split_ascii_whitespace().nth(1)?;
    Some(user_name(effective.parse().ok()?))
}

/// The name of a user of this host, or its number.
pub(super) fn user_name(uid: u32) -> String {
    let number = uid.to_string();
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == number).then(|| name.to_owned())
    });
    name.unwrap_or(format!("user {number}"))
}

/// Whether this process may see what every process has open.
pub(super) fn sees_all() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn control_groups_tell_containers_and_services() {
        let id = "3f2a".repeat(16);
        for (groups, command) in [
            (
                format!("0::/system.slice/docker-{id}.scope"),
                Some("docker stop 3f2a3f2a3f2a"),
            ),
            (
                format!("12:pids:/docker/{id}\n0::/"),
                Some("docker stop 3f2a3f2a3f2a"),
            ),
            (
                format!("0::/machine.slice/libpod-{id}.scope/container"),
                Some("podman stop 3f2a3f2a3f2a"),
            ),
            (
                format!("0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-{id}.scope"),
                Some("crictl stop 3f2a3f2a3f2a"),
            ),
            (
                "0::/lxc.payload.web/system.slice/app.service".into(),
                Some("lxc stop web"),
            ),
            (
                "0::/system.slice/app.service".into(),
                Some("systemctl stop app.service"),
            ),
            ("0::/system.slice/ssh.service".into(), None),
            ("0::/user.slice/user-1000.slice/session-3.scope".into(), None),
            ("9:memory:/x/8f8bbcd3846e924222f5e1d116f9bd53\n0::/".into(), None),
        ] {
            let place = Place::from_groups(&groups);
            assert_eq!(place.map(|place| place.ending()).as_deref(), command, "{groups}");
        }
    }
}
