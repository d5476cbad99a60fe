//! One fault, put in on purpose, so that the whole generator can be seen to see it.

/// The fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Bend {
    /// One delivery is left out.
    Lose,
    /// One delivery is made twice.
    Double,
    /// One delivery is made after the next one of the same receiver.
    Swap,
}

/// Bends the delivery of this number.
const WHICH: u32 = 50;

#[derive(Debug)]
pub(super) struct Bender {
    bend: Bend,
    left: u32,
    held: Option<(usize, Vec<u8>)>,
}

impl Bender {
    pub(super) fn new(bend: Bend) -> Self {
        Self { bend, left: WHICH, held: None }
    }

    /// What is written to the receiver in `slot` in place of `frame`.
    pub(super) fn bent(&mut self, slot: usize, frame: &[u8]) -> Vec<u8> {
        if self.held.as_ref().is_some_and(|(held, _)| *held == slot)
            && let Some((_, before)) = self.held.take()
        {
            return [frame, &before].concat();
        }
        self.left = self.left.saturating_sub(1);
        if self.left != 0 || self.held.is_some() {
            return frame.to_vec();
        }
        // Only once.
        self.left = u32::MAX;
        match self.bend {
            Bend::Lose => Vec::new(),
            Bend::Double => [frame, frame].concat(),
            Bend::Swap => {
                self.held = Some((slot, frame.to_vec()));
                Vec::new()
            }
        }
    }
}
