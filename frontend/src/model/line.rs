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
    /// Nobody can be signed in: the password was refused, or a session is over. Only the user can mend it.
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

impl Problem {
    /// Whether asking for the microphone again could mend it.
    #[must_use]
    pub fn is_microphone(&self) -> bool {
        matches!(
            self,
            Self::MicrophoneDenied | Self::NoMicrophone | Self::MicrophoneBusy
        )
    }

    /// What happened and what to do.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::MicrophoneDenied => {
                "The microphone is blocked. Allow it in the address bar's site settings, then try again."
            }
            Self::NoMicrophone => "No microphone was found. Plug one in, then try again.",
            Self::MicrophoneBusy => {
                "Another program holds the microphone. Close that program, then try again."
            }
            Self::NoSpeaker => "No speaker or headset was found. Plug one in to hear calls.",
            Self::InsecurePage => {
                "Browsers allow the microphone on secure pages only. Open this page by https, or on localhost."
            }
            Self::NoWebRtc => {
                "This browser can't make calls. Use a current Chrome, Edge, Firefox or Safari."
            }
            Self::SoundBlocked => "The browser holds the sound back. Tap anywhere to hear it.",
        }
    }
}
