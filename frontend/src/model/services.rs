//! Services of the embedded switch, as a demonstration shows them.

/// A number that can be called besides people's.
pub struct Service {
    /// What is dialled.
    pub number: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
}

/// All of them.
pub const SERVICES: [Service; 2] = [
    Service {
        number: "600",
        name: "Echo",
        about: "Plays your voice back to you",
    },
    Service {
        number: "601",
        name: "Announcement",
        about: "Plays a chime, then hangs up",
    },
];

/// The name of the service with this number.
#[must_use]
pub fn service_name(number: &str) -> Option<&'static str> {
    let service = SERVICES.iter().find(|service| service.number == number);
    service.map(|service| service.name)
}
