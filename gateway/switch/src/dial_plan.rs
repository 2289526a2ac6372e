//! Where a dialled number leads.

use std::collections::BTreeSet;

use sidetone_sip::{Status, Text, Uri};

use crate::directory::{AddressOfRecord, Directory, TenantId};

/// What a number stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    /// A person's phones.
    Extension(AddressOfRecord),
    /// A service of the switch.
    Service(Text),
}

/// Why a number leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unroutable {
    /// Neither a `sip:` nor a `tel:` URI.
    #[error("this kind of address can't be called")]
    Scheme,
    /// The host is nobody's here.
    #[error("that domain is not served here")]
    ForeignDomain,
    /// Nothing has this number.
    #[error("nobody has this number")]
    UnknownNumber,
}

impl Unroutable {
    pub(crate) fn status(self) -> Status {
        match self {
            Self::Scheme => Status::UNSUPPORTED_URI_SCHEME,
            Self::ForeignDomain | Self::UnknownNumber => Status::NOT_FOUND,
        }
    }
}

/// The numbers of the services; those of people come from the [`Directory`].
#[derive(Clone, Debug, Default)]
pub(crate) struct DialPlan {
    services: BTreeSet<Text>,
}

impl DialPlan {
    pub(crate) fn new(services: impl IntoIterator<Item = Text>) -> Self {
        Self {
            services: services.into_iter().collect(),
        }
    }

    /// Where `uri` leads when somebody of the tenant `caller` dials it.
    pub(crate) fn route(
        &self,
        directory: &Directory,
        caller: &TenantId,
        uri: &Uri,
    ) -> Result<Destination, Unroutable> {
        let (tenant, number) = match uri {
            Uri::Sip(sip) => {
                let tenant = directory
                    .tenant_at(&sip.host)
                    .ok_or(Unroutable::ForeignDomain)?;
                let number = sip.user_decoded().ok_or(Unroutable::UnknownNumber)?;
                (tenant.id.clone(), Text::from(number.as_ref()))
            }
            // RFC 3966 §5.1.1: visual separators carry no meaning.
            Uri::Tel(tel) => {
                let digits: String = tel
                    .number
                    .chars()
                    .filter(|c| !"-.()".contains(*c))
                    .collect();
                (caller.clone(), Text::from(digits))
            }
            Uri::Other { .. } => return Err(Unroutable::Scheme),
        };
        if tenant != *caller {
            return Err(Unroutable::ForeignDomain);
        }
        let aor = AddressOfRecord { tenant, number };
        if directory.extension(&aor).is_some() {
            return Ok(Destination::Extension(aor));
        }
        match self.services.contains(&aor.number) {
            true => Ok(Destination::Service(aor.number)),
            false => Err(Unroutable::UnknownNumber),
        }
    }
}

#[cfg(test)]
mod tests {
    use sidetone_sip::auth::{Known, Secret};

    use super::*;
    use crate::directory::{Extension, Tenant};

    fn tenant(name: &str, domains: &[&str], numbers: &[&str]) -> Tenant {
        Tenant {
            id: TenantId::new(name),
            realm: format!("{name}.local").into(),
            domains: domains.iter().map(|d| Text::from(*d)).collect(),
            extensions: numbers
                .iter()
                .map(|n| Extension {
                    number: (*n).into(),
                    name: format!("Person {n}").into(),
                    secret: Known::Password(Secret::new("secret")),
                })
                .collect(),
        }
    }

    fn route(tenants: Vec<Tenant>, uri: &str) -> Result<Destination, Unroutable> {
        let plan = DialPlan::new([Text::from("600"), Text::from("*98")]);
        let uri = Uri::parse(uri).unwrap();
        plan.route(&Directory::new(tenants), &TenantId::new("demo"), &uri)
    }

    fn extension(number: &str) -> Result<Destination, Unroutable> {
        let tenant = TenantId::new("demo");
        Ok(Destination::Extension(AddressOfRecord {
            tenant,
            number: number.into(),
        }))
    }

    #[test]
    fn numbers_lead_to_people_and_services() {
        let table = [
            ("sip:101@demo.local", extension("101")),
            ("sip:101@DEMO.local;transport=ws", extension("101")),
            ("sips:101@demo.local", extension("101")),
            ("sip:%31%30%31@demo.local", extension("101")),
            ("sip:101@localhost:8080", extension("101")),
            ("sip:101@192.0.2.7", extension("101")),
            ("sip:101@phones.example", extension("101")),
            ("tel:1-0-1", extension("101")),
            ("sip:600@demo.local", Ok(Destination::Service("600".into()))),
            ("sip:*98@demo.local", Ok(Destination::Service("*98".into()))),
            ("sip:199@demo.local", Err(Unroutable::UnknownNumber)),
            ("sip:demo.local", Err(Unroutable::UnknownNumber)),
            ("sip:101@elsewhere.example", Err(Unroutable::ForeignDomain)),
            ("mailto:101@demo.local", Err(Unroutable::Scheme)),
        ];
        for (uri, expected) in table {
            let demo = tenant("demo", &["phones.example"], &["101"]);
            assert_eq!(route(vec![demo], uri), expected, "{uri}");
        }
    }

    #[test]
    fn a_tenant_without_domains_takes_every_name_that_no_other_lists() {
        let tenants = || {
            vec![
                tenant("demo", &[], &["101"]),
                tenant("acme", &["acme.example"], &["101"]),
            ]
        };
        assert_eq!(route(tenants(), "sip:101@gateway.lan"), extension("101"));
        assert_eq!(
            route(tenants(), "sip:101@acme.example"),
            Err(Unroutable::ForeignDomain)
        );
    }
}
