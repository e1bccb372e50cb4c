use std::collections::HashSet;

use super::*;

#[test]
fn every_phrase_is_written_as_words_are_read_and_stands_once() {
    let mut seen = HashSet::new();
    for phrase in PHRASES.iter().flat_map(|(_, phrases)| *phrases) {
        assert_eq!(words(phrase).join(" "), *phrase);
        assert!(seen.insert(phrase), "{phrase:?} stands twice");
    }
}

#[test]
fn every_phrase_means_its_kind() {
    for (kind, phrases) in PHRASES {
        for phrase in *phrases {
            let (text, expected) = match kind {
                Kind::Stop => ((*phrase).to_owned(), Intent::Stop),
                Kind::Status => ((*phrase).to_owned(), Intent::Status),
                Kind::StatusIfAsked => (format!("{phrase}?"), Intent::Status),
                Kind::Praise => ((*phrase).to_owned(), Intent::Remark),
                Kind::Wish | Kind::Filler => ((*phrase).to_owned(), Intent::Work),
            };
            assert_eq!(meaning(&text, &[]), expected, "{text:?}");
        }
    }
}

#[test]
fn a_word_more_is_work() {
    for phrase in PHRASES.iter().flat_map(|(_, phrases)| *phrases) {
        for text in [format!("{phrase} unwrap"), format!("unwrap {phrase}")] {
            assert_eq!(meaning(&text, &[]), Intent::Work, "{text:?}");
        }
    }
}
