//! How many files this process may have open: each connection and each port is one.

use std::fmt;
use std::io;

/// With fewer, phones of an office with some calls are refused.
const FEW: u64 = 4096;

/// The limits of this process; `None` is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenFiles {
    /// What held when it was started.
    pub before: Option<u64>,
    /// What holds now.
    pub now: Option<u64>,
}

impl OpenFiles {
    /// Raises the limit as far as this user may: what holds at first suits programs that can't count
    /// further than 1024.
    ///
    /// # Errors
    /// The system refuses, or knows no way.
    #[cfg(unix)]
    pub fn raise() -> io::Result<Self> {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let found = getrlimit(Resource::Nofile);
        let raised = Rlimit {
            current: found.maximum,
            ..found
        };
        if raised != found {
            setrlimit(Resource::Nofile, raised)?;
        }
        Ok(Self {
            before: found.current,
            now: raised.current,
        })
    }

    #[cfg(not(unix))]
    pub fn raise() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// What is wrong with the limit and what to do, if something is.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let most = self.now.filter(|most| *most < FEW)?;
        Some(format!(
            "this process may have only {most} files open, and each connection is one: raise the hard \
             limit to {FEW} or more (LimitNOFILE= of a systemd service, --ulimit nofile= of a container)"
        ))
    }
}

/// What holds, and what held if that was something else.
impl fmt::Display for OpenFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |limit: Option<u64>| limit.map_or("any".to_owned(), |most| most.to_string());
        f.write_str(&shown(self.now))?;
        match self.now == self.before {
            true => Ok(()),
            false => write!(f, " instead of {}", shown(self.before)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_are_too_few() {
        let warning = |now| {
            OpenFiles {
                before: Some(64),
                now,
            }
            .warning()
        };
        assert_eq!(warning(None), None);
        assert_eq!(warning(Some(4096)), None);
        let words = warning(Some(4095)).unwrap();
        assert!(words.starts_with("this process may have only 4095 files open"));
    }

    #[test]
    fn limits_are_told_in_numbers() {
        let shown = |before, now| OpenFiles { before, now }.to_string();
        assert_eq!(shown(Some(1024), Some(65536)), "65536 instead of 1024");
        assert_eq!(shown(Some(256), None), "any instead of 256");
        assert_eq!(shown(Some(4096), Some(4096)), "4096");
    }
}
