use super::{Headers, Method, Request, Uri};

impl Request {
    /// A request without a body.
    #[must_use]
    pub fn new(method: Method, uri: Uri, headers: Headers) -> Self {
        Self {
            method,
            uri,
            headers,
            body: Vec::new(),
        }
    }
}
