//! Where a name lies in a trie: the nibbles of its hash, most significant first.

use crate::nodes::first_half;

/// Nibbles in a path, and so the depth at which names that still stand together stay in one leaf.
pub(crate) const MAX_DEPTH: usize = 32;

/// The way from the root of a trie to a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Path([u8; MAX_DEPTH / 2]);

impl Path {
    /// The path of an event type or a state key.
    pub(crate) fn of(name: &str) -> Self {
        #[cfg(test)]
        if let Some(chosen) = Self::chosen(name) {
            return chosen;
        }
        Self(first_half(blake3::hash(name.as_bytes())))
    }

    /// The nibble that leads from depth `depth` to the next. Beyond the last it is 0.
    pub(crate) fn nibble(&self, depth: usize) -> u8 {
        let byte = self.0.get(depth / 2).copied().unwrap_or(0);
        if depth.is_multiple_of(2) { byte >> 4 } else { byte & 0xf }
    }

    /// In tests a name `=abc=anything` has a path that begins with the nibbles `abc` and goes on with zeros, so that collisions can
    /// be had without work.
    #[cfg(test)]
    fn chosen(name: &str) -> Option<Self> {
        let (digits, _) = name.strip_prefix('=')?.split_once('=')?;
        let mut path = Self([0; MAX_DEPTH / 2]);
        for (depth, digit) in digits.chars().enumerate() {
            path.set(depth, digit.to_digit(16)? as u8);
        }
        Some(path)
    }

    fn set(&mut self, depth: usize, nibble: u8) {
        if let Some(byte) = self.0.get_mut(depth / 2) {
            *byte =
                if depth.is_multiple_of(2) { (*byte & 0x0f) | (nibble << 4) } else { (*byte & 0xf0) | (nibble & 0xf) };
        }
    }
}

/// A place in a trie: the first `depth` nibbles of every path that leads through it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    path: Path,
    depth: usize,
}

impl Place {
    pub(crate) const ROOT: Self = Self { path: Path([0; MAX_DEPTH / 2]), depth: 0 };

    /// The place one level further down.
    pub(crate) fn below(mut self, nibble: u8) -> Self {
        self.path.set(self.depth, nibble);
        self.depth += 1;
        self
    }

    /// The same place, given a path that leads through it.
    pub(crate) fn towards(self, path: Path) -> Self {
        Self { path, depth: self.depth }
    }

    /// Whether paths end here: names that come together here can't be told apart any more.
    pub(crate) fn is_bottom(&self) -> bool {
        self.depth >= MAX_DEPTH
    }

    /// The nibble by which this path leaves this place.
    pub(crate) fn next_nibble(&self, path: &Path) -> u8 {
        path.nibble(self.depth)
    }

    /// Whether this path leads through this place.
    pub(crate) fn is_on(&self, path: &Path) -> bool {
        (0..self.depth).all(|depth| path.nibble(depth) == self.path.nibble(depth))
    }
}
