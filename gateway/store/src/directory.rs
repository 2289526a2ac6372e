use std::array::TryFromSliceError;
use std::fmt;

use md5::{Digest, Md5};
use sha2::Sha256;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::{Store, StoreError};

/// An organisation on this gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Its key.
    pub id: String,
    /// The digest realm of its extensions.
    pub realm: String,
    /// Its people, by number.
    pub extensions: Vec<Extension>,
}

/// One person's number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// The number, which is also the user name for digest.
    pub number: String,
    /// Whose it is.
    pub name: String,
    /// What stands for the password.
    pub secret: DigestSecret,
}

/// What a registrar needs to check a password: `H(user:realm:password)` (RFC 7616 §3.4.2) for
/// both algorithms. It opens this realm as the password would, so it never shows in debug output.
#[derive(Clone, PartialEq, Eq)]
pub struct DigestSecret {
    /// With MD5.
    pub md5: [u8; 16],
    /// With SHA-256.
    pub sha256: [u8; 32],
}

impl DigestSecret {
    /// The digests of a password.
    #[must_use]
    pub fn new(user: &str, realm: &str, password: &str) -> Self {
        let a1 = format!("{user}:{realm}:{password}");
        Self {
            md5: Md5::digest(&a1).into(),
            sha256: Sha256::digest(&a1).into(),
        }
    }
}

impl fmt::Debug for DigestSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DigestSecret(…)")
    }
}

impl Store {
    /// Stores `tenant` as it is given; extensions that it no longer has are removed.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is changed then.
    pub async fn put_tenant(&self, tenant: &Tenant) -> Result<(), StoreError> {
        self.write_tenant(tenant)
            .await
            .map_err(|error| self.error(error))
    }

    async fn write_tenant(&self, tenant: &Tenant) -> Result<(), sqlx::Error> {
        let mut tx = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query(
            "INSERT INTO tenant (id, realm) VALUES (?1, ?2) \
             ON CONFLICT (id) DO UPDATE SET realm = ?2",
        )
        .bind(&tenant.id)
        .bind(&tenant.realm)
        .execute(&mut *tx)
        .await?;
        sqlx::query("DELETE FROM extension WHERE tenant = ?1")
            .bind(&tenant.id)
            .execute(&mut *tx)
            .await?;
        for extension in &tenant.extensions {
            sqlx::query(
                "INSERT INTO extension (tenant, number, name, md5, sha256) \
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )
            .bind(&tenant.id)
            .bind(&extension.number)
            .bind(&extension.name)
            .bind(extension.secret.md5.as_slice())
            .bind(extension.secret.sha256.as_slice())
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await
    }

    /// The tenant with this key.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn tenant(&self, id: &str) -> Result<Option<Tenant>, StoreError> {
        self.read_tenant(id)
            .await
            .map_err(|error| self.error(error))
    }

    async fn read_tenant(&self, id: &str) -> Result<Option<Tenant>, sqlx::Error> {
        let mut tx = self.pool.begin().await?;
        let tenant = sqlx::query("SELECT realm FROM tenant WHERE id = ?1")
            .bind(id)
            .fetch_optional(&mut *tx)
            .await?;
        let Some(tenant) = tenant else {
            return Ok(None);
        };
        let extensions = sqlx::query(
            "SELECT number, name, md5, sha256 FROM extension WHERE tenant = ?1 ORDER BY number",
        )
        .bind(id)
        .fetch_all(&mut *tx)
        .await?;
        Ok(Some(Tenant {
            id: id.to_owned(),
            realm: tenant.try_get("realm")?,
            extensions: extensions
                .iter()
                .map(|row| {
                    Ok(Extension {
                        number: row.try_get("number")?,
                        name: row.try_get("name")?,
                        secret: DigestSecret {
                            md5: digest(row, "md5")?,
                            sha256: digest(row, "sha256")?,
                        },
                    })
                })
                .collect::<Result<_, sqlx::Error>>()?,
        }))
    }
}

pub(crate) fn digest<const N: usize>(
    row: &SqliteRow,
    column: &str,
) -> Result<[u8; N], sqlx::Error> {
    let bytes: &[u8] = row.try_get(column)?;
    bytes.try_into().map_err(|wrong| sqlx::Error::ColumnDecode {
        index: column.to_owned(),
        source: Box::<TryFromSliceError>::new(wrong),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|b| format!("{b:02x}")).collect()
    }

    #[test]
    fn the_digests_are_those_of_the_rfc() {
        // RFC 2617 §3.5 and RFC 7616 §3.9.1 give the response to one challenge each.
        let secret = DigestSecret::new("Mufasa", "testrealm@host.com", "Circle Of Life");
        assert_eq!(hex(&secret.md5), "939e7578ed9e3c518a452acee763bce9");
        let secret = DigestSecret::new("Mufasa", "http-auth@example.org", "Circle of Life");
        let a2 = hex(&Sha256::digest("GET:/dir/index.html"));
        let nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let ha1 = hex(&secret.sha256);
        let response = Sha256::digest(format!("{ha1}:{nonce}:00000001:{cnonce}:auth:{a2}"));
        assert_eq!(
            hex(&response),
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
        );
        assert_eq!(format!("{secret:?}"), "DigestSecret(…)");
    }
}
