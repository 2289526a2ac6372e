//! Which packets have come already (RFC 3711 §3.3.2).

/// Packets that come later than this many others are taken for replays.
const SIZE: u64 = 128;

/// The packets of one source.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Window {
    /// One more than the highest index; 0 before the first.
    next: u64,
    /// Bit n: the packet n below the highest has come.
    seen: u128,
}

impl Window {
    pub(crate) fn highest(&self) -> Option<u64> {
        self.next.checked_sub(1)
    }

    /// The window after the packet `index`; `None` if that is a replay or too late to tell.
    pub(crate) fn with(&self, index: u64) -> Option<Self> {
        let next = index + 1;
        if next > self.next {
            let ahead = next - self.next;
            let seen = if ahead < SIZE { self.seen << ahead } else { 0 };
            return Some(Self {
                next,
                seen: seen | 1,
            });
        }
        let behind = self.next - next;
        let bit = 1_u128.checked_shl(u32::try_from(behind).ok()?)?;
        (self.seen & bit == 0).then_some(Self {
            next: self.next,
            seen: self.seen | bit,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Window;

    fn accepted(indices: &[u64]) -> Vec<u64> {
        let mut window = Window::default();
        let accept = |index: &&u64| window.with(**index).map(|next| window = next).is_some();
        indices.iter().filter(accept).copied().collect()
    }

    #[test]
    fn everything_is_taken_once() {
        assert_eq!(accepted(&[5, 5, 4, 6, 5, 4, 0, 0]), [5, 4, 6, 0]);
    }

    #[test]
    fn what_comes_too_late_is_refused() {
        assert_eq!(accepted(&[200, 73, 72, 73]), [200, 73]);
    }

    #[test]
    fn a_long_gap_forgets_what_was_before() {
        assert_eq!(accepted(&[1, 1000, 1, 999, 1000]), [1, 1000, 999]);
        assert_eq!(accepted(&[1, 128, 129, 2, 1]), [1, 128, 129, 2]);
    }
}
