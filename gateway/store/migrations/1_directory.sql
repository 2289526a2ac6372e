-- Everything is keyed by tenant, from the first table on.

CREATE TABLE tenant (
    id    TEXT NOT NULL PRIMARY KEY,
    realm TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The two digests stand for the password in this realm (RFC 7616 §3.4.2, A1); the password itself
-- is never stored.
CREATE TABLE extension (
    tenant TEXT NOT NULL REFERENCES tenant (id) ON DELETE CASCADE,
    number TEXT NOT NULL,
    name   TEXT NOT NULL,
    md5    BLOB NOT NULL CHECK (length(md5) = 16),
    sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
    PRIMARY KEY (tenant, number)
) STRICT, WITHOUT ROWID;
