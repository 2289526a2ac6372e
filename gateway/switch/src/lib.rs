//! The embedded PBX: registrar, calls, services.
