//! The line: whether calls can come in, and why not.

/// The registration of this phone, as the status light shows it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Line {
    /// Nobody is signed in.
    #[default]
    SignedOut,
    /// On the way: opening the connection or registering.
    Connecting,
    /// A request of ours was answered recently and the registration is in force.
    Ready,
    /// Calls can't come in.
    Down {
        /// What happened, in words.
        why: String,
        /// Seconds until the next try by itself; `None` while one is under way.
        retry_in: Option<u32>,
    },
    /// The password was refused; only the user can mend it.
    Refused {
        /// What the server said, in words.
        why: String,
    },
}

/// Who is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// `101`.
    pub extension: String,
    /// `Alice`, if known.
    pub name: Option<String>,
    /// `demo.local`.
    pub domain: String,
}

/// A fault of this device or page that stands in the way of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Problem {
    /// The user or the system denied the microphone.
    MicrophoneDenied,
    /// There is no microphone.
    NoMicrophone,
    /// Another program holds the microphone.
    MicrophoneBusy,
    /// There is nothing to hear with.
    NoSpeaker,
    /// The page came over plain HTTP from another machine: no microphone there.
    InsecurePage,
    /// The browser has no WebRTC.
    NoWebRtc,
    /// The browser wants a tap before it plays sound.
    SoundBlocked,
}
