//! Passwords of people, kept as Argon2id hashes (RFC 9106).

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::str::FromStr;

use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc};
use argon2::{Argon2, Params};
use ring::digest;
use ring::rand::{SecureRandom, SystemRandom};
use sidetone_sip::auth::Secret;

/// Costs above these are a slip, and would let anybody who can reach the sign-in stop the gateway.
const MOST_MEMORY: u32 = 1 << 20;
const MOST_PASSES: u32 = 32;
const MOST_LANES: u32 = 16;

/// What is kept of a person's password: a PHC string.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(phc::PasswordHash);

/// Not an Argon2id hash, or one of unreasonable cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an Argon2id hash of reasonable cost")]
pub struct PasswordHashError;

impl PasswordHash {
    /// Hashes a password, at the cost that OWASP recommends (19 MiB, two passes).
    ///
    /// # Errors
    /// The machine has no random bits.
    pub fn new(password: &Secret) -> Result<Self, PasswordHashError> {
        Self::with_cost(password, Params::DEFAULT)
    }

    /// A hash that costs next to nothing, for passwords that everybody knows.
    pub(crate) fn of_public(password: &Secret) -> Result<Self, PasswordHashError> {
        let least = Params::new(Params::MIN_M_COST, Params::MIN_T_COST, 1, None);
        Self::with_cost(password, least.map_err(|_| PasswordHashError)?)
    }

    fn with_cost(password: &Secret, cost: Params) -> Result<Self, PasswordHashError> {
        let mut salt = [0; 16];
        let filled = SystemRandom::new().fill(&mut salt);
        filled.map_err(|_| PasswordHashError)?;
        let password = password.reveal().as_bytes();
        let hash = Argon2::from(cost).hash_password_with_salt(password, &salt);
        hash.map(Self).map_err(|_| PasswordHashError)
    }

    /// Whether this is the password. It takes as long for a wrong one.
    #[must_use]
    pub fn verify(&self, password: &Secret) -> bool {
        let password = password.reveal().as_bytes();
        Argon2::default().verify_password(password, &self.0).is_ok()
    }

    /// Names this hash: another one, even of the same password, has another name.
    #[must_use]
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        let mut name = [0; 32];
        let text = self.0.to_string();
        name.copy_from_slice(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
        name
    }
}

/// Which of `count` hashes stands in for that of an unknown name: always the same one, so that
/// neither one answer nor many tell by their time that there is no such person.
pub(crate) fn stand_in(name: &str, count: usize) -> Option<usize> {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    let number = usize::try_from(hasher.finish() >> 32).unwrap_or_default();
    number.checked_rem(count)
}

impl FromStr for PasswordHash {
    type Err = PasswordHashError;

    fn from_str(text: &str) -> Result<Self, PasswordHashError> {
        let hash = phc::PasswordHash::new(text).map_err(|_| PasswordHashError)?;
        let cost = Params::try_from(&hash).map_err(|_| PasswordHashError)?;
        let is_complete = hash.salt.is_some() && hash.hash.is_some();
        let is_reasonable = cost.m_cost() <= MOST_MEMORY
            && cost.t_cost() <= MOST_PASSES
            && cost.p_cost() <= MOST_LANES;
        let is_ours = hash.algorithm.as_str() == "argon2id" && is_complete && is_reasonable;
        is_ours.then_some(Self(hash)).ok_or(PasswordHashError)
    }
}

impl fmt::Display for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_is_right() {
        let hash = PasswordHash::of_public(&Secret::new("correct horse")).unwrap();
        let again: PasswordHash = hash.to_string().parse().unwrap();
        assert!(again.verify(&Secret::new("correct horse")));
        for wrong in ["correct hors", "correct horse ", "", "Correct horse"] {
            assert!(!again.verify(&Secret::new(wrong)), "{wrong}");
        }
        assert_eq!(again.fingerprint(), hash.fingerprint());
        assert_eq!(format!("{hash:?}"), "PasswordHash(…)");
    }

    #[test]
    fn equal_passwords_have_different_hashes() {
        let password = Secret::new("correct horse");
        let [a, b] = [(), ()].map(|()| PasswordHash::of_public(&password).unwrap());
        assert_ne!(a.to_string(), b.to_string());
        assert_ne!(a.fingerprint(), b.fingerprint());
    }

    #[test]
    fn a_hash_for_people_has_its_cost() {
        let hash = PasswordHash::new(&Secret::new("correct horse")).unwrap();
        let text = hash.to_string();
        assert!(
            text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{text}"
        );
    }

    #[test]
    fn other_hashes_are_refused() {
        let tail = "$c2FsdHNhbHQ$2fZqDOX0Tq8vyHZcAiqCRA";
        assert!(
            format!("$argon2id$v=19$m=8,t=1,p=1{tail}")
                .parse::<PasswordHash>()
                .is_ok()
        );
        for text in [
            String::new(),
            "correct horse".to_owned(),
            format!("$argon2i$v=19$m=8,t=1,p=1{tail}"),
            format!("$argon2id$v=19$m=4194304,t=1,p=1{tail}"),
            format!("$argon2id$v=19$m=8,t=1000,p=1{tail}"),
            "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ".to_owned(),
            "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW".to_owned(),
        ] {
            assert!(text.parse::<PasswordHash>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_stand_in_is_always_the_same() {
        for name in ["nobody", "somebody", ""] {
            let chosen = stand_in(name, 3);
            assert!(chosen.is_some_and(|chosen| chosen < 3));
            assert_eq!(stand_in(name, 3), chosen);
        }
        assert_eq!(stand_in("nobody", 0), None);
    }
}
