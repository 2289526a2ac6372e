//! Who is who: tenants, their extensions and their secrets.

use std::collections::HashMap;

use sidetone_sip::auth::Known;
use sidetone_sip::message::Host;
use sidetone_sip::{Text, Uri};

/// Names a tenant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(Text);

impl TenantId {
    /// The tenant of this name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An address of record (RFC 3261 §10): the key of all that the switch knows of an extension.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressOfRecord {
    /// Whose.
    pub tenant: TenantId,
    /// The number, such as `101`.
    pub number: Text,
}

/// An extension.
#[derive(Clone, Debug)]
pub struct Extension {
    /// The number, which is also the user name for digest.
    pub number: Text,
    /// What the called are shown.
    pub name: Text,
    /// The SIP password, or what digest makes of it.
    pub secret: Known,
}

/// An organisation on this switch.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// Its name.
    pub id: TenantId,
    /// The digest realm; also the host of its addresses of record.
    pub realm: Text,
    /// Host names under which phones address it, besides the realm. If there are none, every name
    /// that no other tenant lists is this one's.
    pub domains: Vec<Text>,
    /// Its people.
    pub extensions: Vec<Extension>,
}

/// All tenants.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    tenants: Vec<Tenant>,
    extensions: HashMap<AddressOfRecord, (usize, usize)>,
}

impl Directory {
    /// A directory of these. Of two extensions with the same number the last counts.
    #[must_use]
    pub fn new(tenants: Vec<Tenant>) -> Self {
        let mut extensions = HashMap::new();
        for (t, tenant) in tenants.iter().enumerate() {
            for (e, extension) in tenant.extensions.iter().enumerate() {
                let number = extension.number.clone();
                extensions.insert(
                    AddressOfRecord {
                        tenant: tenant.id.clone(),
                        number,
                    },
                    (t, e),
                );
            }
        }
        Self {
            tenants,
            extensions,
        }
    }

    /// The tenant that a host names. An address (and `localhost`) says nothing of whose it is, so
    /// it is the first tenant's.
    pub(crate) fn tenant_at(&self, host: &Host) -> Option<&Tenant> {
        let Host::Name(name) = host else {
            return self.tenants.first();
        };
        let listed = |t: &&Tenant| {
            t.realm.eq_ignore_ascii_case(name)
                || t.domains.iter().any(|d| d.eq_ignore_ascii_case(name))
        };
        self.tenants
            .iter()
            .find(listed)
            .or_else(|| self.tenants.iter().find(|t| t.domains.is_empty()))
            .or_else(|| self.tenants.first().filter(|_| name == "localhost"))
    }

    pub(crate) fn tenants(&self) -> &[Tenant] {
        &self.tenants
    }

    pub(crate) fn tenant(&self, id: &TenantId) -> Option<&Tenant> {
        self.tenants.iter().find(|t| t.id == *id)
    }

    pub(crate) fn extension(&self, aor: &AddressOfRecord) -> Option<&Extension> {
        let (t, e) = self.extensions.get(aor)?;
        self.tenants.get(*t)?.extensions.get(*e)
    }

    /// The address of record that a From or To names, whether or not the extension exists; `None`
    /// if it is nobody's here.
    pub(crate) fn address_of_record(&self, uri: &Uri) -> Option<AddressOfRecord> {
        let sip = uri.as_sip()?;
        let tenant = self.tenant_at(&sip.host)?;
        let number = sip.user_decoded()?;
        Some(AddressOfRecord {
            tenant: tenant.id.clone(),
            number: number.as_ref().into(),
        })
    }
}
