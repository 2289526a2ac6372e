//! No memory of this process in files: it holds secrets.

use std::io;

/// Lets the system write no core dumps of this process, and no other program of this user read its
/// memory.
///
/// # Errors
/// The system refuses, or knows no way.
#[cfg(unix)]
pub fn forbid() -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none)?;
    // A pattern that pipes dumps to a program knows no limit of their size.
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}

#[cfg(not(unix))]
pub fn forbid() -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
