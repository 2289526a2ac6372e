use axum::http::{HeaderMap, header};

/// A content coding we have files in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Brotli,
    Gzip,
    Identity,
}

impl Encoding {
    /// Its name, best first. `Content-Encoding` never names identity.
    pub(crate) const ALL: [(Self, &'static str); 3] = [
        (Self::Brotli, "br"),
        (Self::Gzip, "gzip"),
        (Self::Identity, "identity"),
    ];
}

/// The codings a client takes, best first (RFC 9110 §12.5.3).
///
/// Identity always comes last: a client that refuses even that gets it all the same, which the
/// RFC allows and serves better than an error.
pub(crate) fn acceptable(headers: &HeaderMap) -> Vec<Encoding> {
    let mut weighted: Vec<(u16, Encoding)> = Encoding::ALL
        .iter()
        .map(|(encoding, name)| (weight(headers, name), *encoding))
        .filter(|(weight, encoding)| *weight > 0 && *encoding != Encoding::Identity)
        .collect();
    // Stable: among equals, the order of `ALL`.
    weighted.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    let identity = weight(headers, "identity");
    let better = |(weight, _): &(u16, Encoding)| *weight >= identity;
    let preferred = weighted.iter().filter(|w| better(w));
    let mut encodings: Vec<Encoding> = preferred.map(|(_, encoding)| *encoding).collect();
    encodings.push(Encoding::Identity);
    encodings
}

/// Thousandths; what isn't named counts as `*`, and identity without either is barely wanted.
fn weight(headers: &HeaderMap, name: &str) -> u16 {
    let entries = headers
        .get_all(header::ACCEPT_ENCODING)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    let mut any = None;
    for entry in entries {
        let (coding, parameters) = entry.split_once(';').unwrap_or((entry, ""));
        let coding = coding.trim();
        let quality = || {
            let q = parameters.trim().strip_prefix("q=").unwrap_or("1");
            let q = q.trim().parse::<f32>().unwrap_or(0.0).clamp(0.0, 1.0);
            // In range by the clamp.
            (q * 1000.0) as u16
        };
        let is_alias = name == "gzip" && coding.eq_ignore_ascii_case("x-gzip");
        if coding.eq_ignore_ascii_case(name) || is_alias {
            return quality();
        }
        if coding == "*" {
            any = Some(quality());
        }
    }
    match any {
        Some(weight) if name != "identity" => weight,
        _ => u16::from(name == "identity"),
    }
}

#[cfg(test)]
mod tests {
    use super::Encoding::{Brotli, Gzip, Identity};
    use super::*;

    #[test]
    fn qualities_decide_and_ours_break_ties() {
        for (accept, expected) in [
            ("gzip, deflate, br, zstd", vec![Brotli, Gzip, Identity]),
            ("br;q=0.5, gzip;q=0.8", vec![Gzip, Brotli, Identity]),
            ("gzip", vec![Gzip, Identity]),
            ("X-GZIP", vec![Gzip, Identity]),
            ("br;q=0, gzip;q=0.001", vec![Gzip, Identity]),
            ("*", vec![Brotli, Gzip, Identity]),
            ("*;q=0, gzip", vec![Gzip, Identity]),
            ("*;q=0", vec![Identity]),
            ("identity", vec![Identity]),
            ("identity, br;q=0.9", vec![Identity]),
            ("identity;q=0.5, br;q=0.9", vec![Brotli, Identity]),
            ("identity;q=0", vec![Identity]),
            ("br;q=nonsense", vec![Identity]),
            ("", vec![Identity]),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, accept.parse().unwrap());
            assert_eq!(acceptable(&headers), expected, "{accept:?}");
        }
        assert_eq!(acceptable(&HeaderMap::new()), [Identity]);
    }
}
