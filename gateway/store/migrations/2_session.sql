-- Who is signed in at the gateway. The cookie itself is not stored, so that whoever reads this file
-- can't be anybody.
CREATE TABLE session (
    tenant   TEXT NOT NULL REFERENCES tenant (id) ON DELETE CASCADE,
    -- SHA-256 of the cookie.
    token    BLOB NOT NULL CHECK (length(token) = 32),
    person   TEXT NOT NULL,
    -- Names the hash of the password that was given: with another one the session is over.
    password BLOB NOT NULL CHECK (length(password) = 32),
    -- For how many seconds it lasts without being used.
    lasts    INTEGER NOT NULL CHECK (lasts > 0),
    -- When it ends, in seconds since 1970.
    ends     INTEGER NOT NULL,
    PRIMARY KEY (tenant, token)
) STRICT, WITHOUT ROWID;

CREATE INDEX session_ends ON session (ends);
