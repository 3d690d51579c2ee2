//! Patterns of push rules, and the words of a message that they stand for.
//! <https://spec.matrix.org/v1.19/client-server-api/#conditions-1>
//!
//! Whoever writes a message chooses the text, and whoever has a rule its pattern, so nothing here recurses and nothing is
//! compiled. ruma's matching calls itself once for each word, and only the optimiser keeps it from the end of the stack; of
//! a pattern with wildcards it makes an expression for each event anew, and panics where that gets too large.

/// Longest pattern that is looked for, in bytes. A message is searched for each rule of each reader.
pub const LONGEST: usize = 512;

/// Whether a text holds what a glob stands for, between two edges of words: `*` is any characters, `?` is one.
///
/// Both are in lower case.
#[must_use]
pub fn has_glob(text: &str, glob: &str) -> bool {
    if glob.is_empty() || glob.len() > LONGEST {
        return false;
    }
    let Some((first, rest)) = glob.split_once('*') else { return has_whole(text, Piece { text: glob, wild: true }) };
    let wild = |text| Piece { text, wild: true };
    // The earliest place of each piece will do: it leaves the most to those that follow.
    let Some((_, mut from)) = wild(first).places(text, 0).find(|(start, _)| is_edge(text, *start)) else {
        return false;
    };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for piece in middle.split('*') {
        let Some((_, end)) = wild(piece).places(text, from).next() else { return false };
        from = end;
    }
    wild(last).places(text, from).any(|(_, end)| is_edge(text, end))
}

/// Whether a text holds a name, to the letter, between two edges of words.
///
/// Both are in lower case.
#[must_use]
pub fn has_name(text: &str, name: &str) -> bool {
    !name.is_empty() && name.len() <= LONGEST && has_whole(text, Piece { text: name, wild: false })
}

fn has_whole(text: &str, piece: Piece<'_>) -> bool {
    piece.places(text, 0).any(|(start, end)| is_edge(text, start) && is_edge(text, end))
}

/// Whether a word can begin or end there: at either end of the text, or beside a character that is in no word.
fn is_edge(text: &str, at: usize) -> bool {
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let Some((before, behind)) = text.split_at_checked(at) else { return false };
    !(before.chars().next_back().is_some_and(is_word) && behind.chars().next().is_some_and(is_word))
}

/// A part of a pattern that has a length.
#[derive(Debug, Clone, Copy)]
struct Piece<'p> {
    text: &'p str,
    /// A question mark stands for any character.
    wild: bool,
}

impl<'p> Piece<'p> {
    /// Where the piece begins and ends in a text, from a place on. Places may overlap.
    fn places<'t>(self, text: &'t str, from: usize) -> impl Iterator<Item = (usize, usize)> + use<'t, 'p> {
        let mut next = Some(from);
        std::iter::from_fn(move || {
            let (start, end) = self.place(text, next?)?;
            next = text.get(start..).and_then(|rest| rest.chars().next()).map(|letter| start + letter.len_utf8());
            Some((start, end))
        })
    }

    fn place(self, text: &str, from: usize) -> Option<(usize, usize)> {
        let rest = text.get(from..)?;
        if !(self.wild && self.text.contains('?')) {
            let start = from + rest.find(self.text)?;
            return Some((start, start + self.text.len()));
        }
        let mut starts = rest.char_indices().map(|(start, _)| from + start);
        starts.find_map(|start| Some((start, self.end(text, start)?)))
    }

    /// Where the piece ends that begins there.
    fn end(self, text: &str, start: usize) -> Option<usize> {
        let mut rest = text.get(start..)?.chars();
        for wanted in self.text.chars() {
            let found = rest.next()?;
            if wanted != '?' && wanted != found {
                return None;
            }
        }
        Some(text.len() - rest.as_str().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_word_is_found_between_its_edges_only() {
        for (text, name) in [
            ("ann", "ann"),
            ("hello ann!", "ann"),
            ("xann ann", "ann"),
            ("(ann)", "ann"),
            ("grüß ann", "ann"),
            ("xa a a", "a a"),
            ("cake and lies", "cake and"),
            ("@room", "@room"),
            ("x@room", "@room"),
            ("what? yes", "what?"),
            ("äann", "ann"),
        ] {
            assert!(has_name(text, name), "{text} {name}");
        }
        let words = [
            ("xann", "ann"),
            ("annx", "ann"),
            ("ann_", "ann"),
            ("1ann", "ann"),
            ("änn", "ann"),
            ("", "ann"),
            ("a", ""),
        ];
        for (text, name) in words {
            assert!(!has_name(text, name), "{text} {name}");
        }
    }

    #[test]
    fn a_glob_stands_for_any_characters() {
        for (text, glob) in [
            ("lunch plans", "lunc?*"),
            ("lunches", "lunc?*"),
            ("go for lunch", "lunc?"),
            ("anything", "*"),
            ("", "*"),
            ("over\nlines", "over*lines"),
            ("a cake is a lie", "ca*lie"),
            ("xa a b", "a?b"),
            ("grün", "gr?n"),
            ("a-b-c", "a*b*c"),
            ("a.b", "?b"),
            ("pineapple", "*apple"),
        ] {
            assert!(has_glob(text, glob), "{text} {glob}");
        }
        for (text, glob) in [
            ("lunc", "lunc?*"),
            ("xlunch", "lunc*h"),
            ("pineapples", "pine*apple"),
            ("a", ""),
            ("ab", "?"),
            ("xa b ab", "a?b"),
        ] {
            assert!(!has_glob(text, glob), "{text} {glob}");
        }
        // In a name they are what they are.
        assert!(has_name("who is *?", "*") && !has_name("who", "*") && !has_name("who", "wh?"));
    }

    #[test]
    fn a_message_of_many_words_ends_no_process() {
        let body = "xa ".repeat(1 << 18);
        // The stack of the smallest thread that answers.
        let search =
            move || [has_name(&body, "a"), has_glob(&body, "a"), has_glob(&body, "a?b"), has_glob(&body, "a*b")];
        let thread = std::thread::Builder::new().stack_size(64 * 1024).spawn(search).unwrap();
        assert_eq!(thread.join().unwrap(), [false; 4]);
        let long = "a".repeat(LONGEST + 1);
        assert!(!has_name(&long, &long) && !has_glob(&long, &long) && has_name(&long[1..], &long[1..]));
    }

    /// Every way of placing the glob, tried out.
    fn matches(text: &[char], glob: &[char]) -> bool {
        match glob.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|skip| matches(&text[skip..], rest)),
            Some(('?', rest)) => !text.is_empty() && matches(&text[1..], rest),
            Some((letter, rest)) => text.first() == Some(letter) && matches(&text[1..], rest),
        }
    }

    proptest! {
        #[test]
        fn it_finds_what_trying_every_place_finds(text in "[ab_ \u{e4}]{0,10}", glob in "[ab \u{e4}*?]{1,5}") {
            let letters: Vec<char> = text.chars().collect();
            let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
            let edges: Vec<usize> = (0..starts.len()).filter(|place| is_edge(&text, starts[*place])).collect();
            let pattern: Vec<char> = glob.chars().collect();
            let found = edges.iter().any(|start| {
                edges.iter().any(|end| start <= end && matches(&letters[*start..*end], &pattern))
            });
            prop_assert_eq!(has_glob(&text, &glob), found);
        }
    }
}
