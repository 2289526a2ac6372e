//! A certificate of the gateway's own making, kept in the data folder.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair};
use time::{Duration, OffsetDateTime};

use super::TlsError;

const FILE: &str = "self-signed.pem";
/// The longest that all browsers take.
const LIFETIME: Duration = Duration::days(397);
const RENEW_BEFORE: Duration = Duration::days(30);
/// The first line of the file says when it ends, as seconds since 1970.
const EXPIRES: &str = "Sidetone's own certificate, until ";

/// The PEM file with certificate and key; made anew if there is none or it ends soon.
pub(super) fn ensure(data: &Path, now: OffsetDateTime) -> Result<PathBuf, TlsError> {
    let path = data.join(FILE);
    let storing = |source| TlsError::Storing {
        path: path.clone(),
        source,
    };
    match fs::read_to_string(&path) {
        Ok(pem) if expiry(&pem).is_some_and(|end| end - now > RENEW_BEFORE) => return Ok(path),
        Ok(_) => tracing::info!("the gateway's own certificate ends soon: making a new one"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(storing(error)),
    }
    let pem = make(now)?;
    write_private(&path, &pem).map_err(storing)?;
    Ok(path)
}

fn expiry(pem: &str) -> Option<OffsetDateTime> {
    let seconds = pem.lines().next()?.strip_prefix(EXPIRES)?.parse().ok()?;
    OffsetDateTime::from_unix_timestamp(seconds).ok()
}

fn make(now: OffsetDateTime) -> Result<String, rcgen::Error> {
    let mut params = CertificateParams::new(names())?;
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, "Sidetone");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // Clocks of other machines may be slow.
    params.not_before = now - Duration::days(1);
    params.not_after = params.not_before + LIFETIME;
    let key = KeyPair::generate()?;
    let cert = params.self_signed(&key)?;
    Ok(format!(
        "{EXPIRES}{}\n{}{}",
        params.not_after.unix_timestamp(),
        cert.pem(),
        key.serialize_pem()
    ))
}

/// Whatever a browser may call this machine.
fn names() -> Vec<String> {
    let mut names = vec![
        "localhost".to_owned(),
        "127.0.0.1".to_owned(),
        "::1".to_owned(),
    ];
    let host = gethostname::gethostname()
        .to_string_lossy()
        .to_ascii_lowercase();
    let is_ok = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    if !host.is_empty() && host.bytes().all(is_ok) {
        names.push(host);
    }
    names.extend(own_addresses().iter().map(IpAddr::to_string));
    names.sort();
    names.dedup();
    names
}

/// The addresses by which other machines reach this one.
#[must_use]
pub fn own_addresses() -> Vec<IpAddr> {
    let is_link_local = |ip: &IpAddr| matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local());
    let interfaces = if_addrs::get_if_addrs().unwrap_or_else(|error| {
        tracing::warn!(%error, "the machine's addresses are unknown");
        Vec::new()
    });
    let addresses = interfaces.into_iter().map(|interface| interface.ip());
    addresses
        .filter(|ip| !ip.is_loopback() && !is_link_local(ip))
        .collect()
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let new = path.with_extension("new");
    let _ = fs::remove_file(&new);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap()
    }

    #[test]
    fn it_is_kept_until_it_ends_soon() {
        let dir = tempfile::tempdir().unwrap();
        let read = |now| fs::read_to_string(ensure(dir.path(), now).unwrap()).unwrap();
        let first = read(now());
        assert_eq!(read(now() + Duration::days(365)), first);
        let second = read(now() + Duration::days(367));
        assert_ne!(second, first);
        assert!(expiry(&second) > expiry(&first));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = ensure(dir.path(), now()).unwrap();
        assert_eq!(
            fs::metadata(path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    #[test]
    fn it_names_this_machine() {
        let names = names();
        for name in ["localhost", "127.0.0.1", "::1"] {
            assert!(names.iter().any(|n| n == name));
        }
    }
}
