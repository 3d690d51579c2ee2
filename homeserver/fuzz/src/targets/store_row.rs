//! Rows of every table, as a damaged store might hold them. The first byte says which table, the second where the key ends.

use hearth_store::{
    Key, Table, Value,
    tables::{TableVisitor, visit_all},
};

/// Tries one input.
pub fn run(data: &[u8]) {
    let [table, border, rest @ ..] = data else { return };
    let (key, value) = rest.split_at(usize::from(*border).min(rest.len()));
    let mut visitor = Decode { wanted: usize::from(*table), seen: 0, key, value };
    let Ok(()) = visit_all(&mut visitor);
}

struct Decode<'d> {
    wanted: usize,
    seen: usize,
    key: &'d [u8],
    value: &'d [u8],
}

impl TableVisitor for Decode<'_> {
    type Error = std::convert::Infallible;

    fn table<K: Key, V: Value>(&mut self, table: Table<K, V>) -> Result<(), Self::Error> {
        self.seen += 1;
        if self.seen - 1 != self.wanted % 64 {
            return Ok(());
        }
        let mut rest = self.key;
        if let Ok(key) = K::decode(&mut rest) {
            let mut written = Vec::new();
            key.encode(&mut written);
            // One key, one encoding: order and prefixes rest on it.
            assert_eq!(written, self.key[..self.key.len() - rest.len()], "a key of {}", table.name());
        }
        if let Ok(value) = V::decode(self.value) {
            let mut written = Vec::new();
            value.encode(&mut written).expect("a value that was decoded can be encoded");
            let again = V::decode(&written).unwrap_or_else(|error| panic!("a value of {}: {error}", table.name()));
            let mut twice = Vec::new();
            again.encode(&mut twice).expect("a value that was decoded can be encoded");
            assert_eq!(written, twice, "a value of {}", table.name());
        }
        Ok(())
    }
}

/// Inputs to begin with: something for every table.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for table in 0..64 {
        let text = b"@ann:hearth.example\0DEVICE\0x\0\0\0\0\0\0\0\x07";
        let json = br#"{"password_hash":null,"created_at":1,"admin":true,"deactivated":false,"display_name":"a","version":"12"}"#;
        seeds.push([&[table, u8::try_from(text.len()).unwrap_or(0)][..], text, json].concat());
        seeds.push(
            [&[table, 8][..], &[0, 0, 0, 0, 0, 0, 0, 9], &[0, 4, b'$', b'a', b'b', b'c', 1, 0, 0, 2, 1, 1, 0, 0]]
                .concat(),
        );
    }
    seeds
}
