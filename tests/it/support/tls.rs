//! Certificates for a server under test.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use tempfile::TempDir;

/// A certificate authority, a server certificate and a client certificate, in files.
pub struct Tls {
    dir: TempDir,
}

impl Tls {
    /// A server certificate for `localhost` and `127.0.0.1`.
    pub fn local() -> Tls {
        Self::for_names(&["localhost", "127.0.0.1"])
    }

    /// A server certificate for other names (IP addresses become address entries).
    pub fn for_names(names: &[&str]) -> Tls {
        let dir = tempfile::Builder::new()
            .prefix("dbtool-tls-")
            .tempdir()
            .expect("a temporary folder");
        // The server may run as another user; these keys guard nothing.
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).expect("a mode");
        let tls = Tls { dir };
        let mut params = named("dbtool test authority", &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority = CertifiedIssuer::self_signed(params, key()).expect("an authority");
        tls.write("ca.pem", &authority.pem());
        for (file, name, names) in [
            ("server", "dbtool test server", names),
            ("client", "dbtool test client", &[][..]),
        ] {
            let key = key();
            let certificate = named(name, names)
                .signed_by(&key, &authority)
                .expect("a certificate");
            tls.write(&format!("{file}.pem"), &certificate.pem());
            tls.write(&format!("{file}-key.pem"), &key.serialize_pem());
        }
        tls
    }

    /// A server certificate that signed itself: for `localhost`, as an authority or as none. It
    /// stands for its own authority too.
    pub fn self_signed(as_authority: bool) -> Tls {
        let tls = Self::local();
        let mut params = named("dbtool test server", &["localhost", "127.0.0.1"]);
        params.is_ca = if as_authority {
            IsCa::Ca(BasicConstraints::Unconstrained)
        } else {
            IsCa::ExplicitNoCa
        };
        let key = key();
        let certificate = params.self_signed(&key).expect("a certificate");
        for name in ["ca.pem", "server.pem"] {
            tls.write(name, &certificate.pem());
        }
        tls.write("server-key.pem", &key.serialize_pem());
        tls
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.dir.path().join(name);
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("a mode");
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The authority's certificate.
    pub fn ca(&self) -> PathBuf {
        self.file("ca.pem")
    }

    /// The server's certificate.
    pub fn server_cert(&self) -> PathBuf {
        self.file("server.pem")
    }

    /// The server's key.
    pub fn server_key(&self) -> PathBuf {
        self.file("server-key.pem")
    }

    /// A client's certificate of the same authority.
    pub fn client_cert(&self) -> PathBuf {
        self.file("client.pem")
    }

    /// The client's key.
    pub fn client_key(&self) -> PathBuf {
        self.file("client-key.pem")
    }
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

fn named(common_name: &str, names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("valid names");
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}
