use super::*;
use crate::raw::Side;

/// New files `f0000`, `f0001`, … of this size in bytes.
fn new_files(count: usize, bytes: u64) -> (Vec<Difference>, HashMap<String, u64>) {
    let side = |mode, object: &str| Side { mode, object: object.to_owned() };
    let difference = |n| Difference {
        path: format!("f{n:04}").into_bytes(),
        renamed_from: None,
        before: side(Mode::Nothing, "0000"),
        after: side(Mode::File, "1111"),
    };
    ((0..count).map(difference).collect(), HashMap::from([("1111".to_owned(), bytes)]))
}

#[test]
fn diffs_are_made_up_to_each_bound_and_not_beyond() {
    for (count, bytes, expected) in [
        (64, MAX_PATCHED_BYTES, 64),
        (65, MAX_PATCHED_BYTES, 64),
        (2, MAX_PATCHED_BYTES + 1, 0),
        (MAX_PATCHED_FILES, 1, MAX_PATCHED_FILES),
        (MAX_PATCHED_FILES + 1, 1, 0),
    ] {
        let (differences, sizes) = new_files(count, bytes);
        assert_eq!(worth_patching(&differences, &sizes).len(), expected, "{count} of {bytes}");
    }
}

#[test]
fn a_moved_file_that_nobody_sees_does_not_explain_where_it_was() {
    let (mut listed, _) = new_files(1, 1);
    listed[0].renamed_from = Some(b"tests/a".to_vec());
    let text = b"diff --git a/tests/a b/f0000\nrename from tests/a\n";
    let both = BTreeSet::from([b"tests/a".to_vec(), b"f0000".to_vec()]);
    assert_eq!(assigned(&listed, text, &both).len(), 2);
    let only_old = BTreeSet::from([b"tests/a".to_vec()]);
    assert_eq!(assigned(&listed, text, &only_old), HashMap::new());
}
