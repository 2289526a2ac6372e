//! Who the switch knows: from the configuration into the database, and from there to the switch.

use std::collections::BTreeMap;
use std::sync::Arc;

use sidetone_media::{Media, Program};
use sidetone_sip::Text;
use sidetone_sip::auth::{Known, Secret, hex};
use sidetone_store::{DigestSecret, Store, StoreError};
use sidetone_switch::{Directory, Extension, MediaService, Service, Tenant, TenantId};

use crate::config;

/// The tenant that the configuration describes. Passwords become digests here.
pub(crate) fn to_store(switch: &config::Switch) -> sidetone_store::Tenant {
    let extension = |extension: &config::Extension| sidetone_store::Extension {
        number: extension.number.clone(),
        name: extension.name.clone(),
        secret: DigestSecret::new(&extension.number, &switch.domain, extension.secret.reveal()),
    };
    sidetone_store::Tenant {
        id: switch.tenant.clone(),
        realm: switch.domain.clone(),
        extensions: switch.extensions.iter().map(extension).collect(),
    }
}

/// The people of this configuration's tenant, as the database has them.
pub(crate) async fn from_store(
    store: &Store,
    switch: &config::Switch,
) -> Result<Directory, StoreError> {
    let tenant = store.tenant(&switch.tenant).await?.map(|tenant| Tenant {
        id: TenantId::new(&tenant.id),
        realm: Text::from(tenant.realm.as_str()),
        domains: switch.aliases.iter().map(|a| a.as_str().into()).collect(),
        extensions: tenant.extensions.iter().map(extension).collect(),
    });
    Ok(Directory::new(tenant.into_iter().collect()))
}

fn extension(stored: &sidetone_store::Extension) -> Extension {
    let secret = |digest: &[u8]| Some(Secret::new(hex(digest)));
    Extension {
        number: stored.number.as_str().into(),
        name: stored.name.as_str().into(),
        secret: Known::Ha1 {
            md5: secret(&stored.secret.md5),
            sha256: secret(&stored.secret.sha256),
            sha512_256: None,
        },
    }
}

/// What can be called besides people.
pub(crate) fn services(media: &Media) -> BTreeMap<Text, Arc<dyn Service>> {
    let service = |number: &str, program| -> (Text, Arc<dyn Service>) {
        (
            number.into(),
            Arc::new(MediaService::new(media.clone(), program)),
        )
    };
    BTreeMap::from([
        service("600", Program::Echo),
        service("601", Program::Announcement),
    ])
}
