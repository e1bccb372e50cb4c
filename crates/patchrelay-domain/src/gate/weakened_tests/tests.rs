use super::*;

/// What is wrong with a change of these lines, each with its sign.
fn reason(path: &str, lines: &[&str]) -> Option<String> {
    let patch = format!(
        "diff --git a/{path} b/{path}\nindex 1..2 100644\n--- a/{path}\n+++ b/{path}\n@@ -1,9 +1,9 @@ fn a()\n{}\n",
        lines.join("\n")
    );
    reason_of(path, &patch)
}

fn reason_of(path: &str, patch: &str) -> Option<String> {
    weakened_tests(path, Some(patch)).map(|hit| match hit {
        GateHit::WeakenedTest { path: named, reason } => {
            assert_eq!(named, path);
            reason
        }
        other => panic!("{other:?}"),
    })
}

#[test]
fn tests_are_known_by_their_paths() {
    for path in [
        "tests/a.rs",
        "src/Test/a.c",
        "a/__tests__/b.js",
        "spec/a.rb",
        "src/a/tests.rs",
        "a_test.go",
        "a.test.ts",
        "a.spec.tsx",
        "test_a.py",
        "src/main/FooTest.java",
        "FooTests.cs",
        "FooSpec.kt",
    ] {
        assert!(is_test_path(path), "{path}");
    }
    for path in [
        "src/a.rs",
        "testing.md",
        "src/contest.rs",
        "latest.js",
        "src/attest/a.rs",
        "test",
        "Makefile",
    ] {
        assert!(!is_test_path(path), "{path}");
        assert_eq!(reason(path, &["-assert!(a);", "+#[ignore]"]), None, "{path}");
    }
}

#[test]
fn a_new_marker_weakens() {
    for (path, marker, line) in [
        ("tests/a.rs", "#[ignore", "    #[ignore]"),
        ("tests/a.rs", "#[ignore", "#[ignore = \"slow\"]"),
        ("tests/a.rs", ", ignore)]", "#[cfg_attr(unix, ignore)]"),
        ("a.test.js", "it.skip", "  it.skip('works', () => {"),
        ("a.test.js", ".skip(", "  suite.skip('works', () => {"),
        ("a.test.ts", ".only(", "test.only('works', () => {"),
        ("a.test.ts", "xit(", "xit('works', () => {"),
        ("a.test.ts", "xdescribe", "xdescribe('it', () => {"),
        ("test_a.py", "@pytest.mark.skip", "@pytest.mark.skip(reason='x')"),
        ("test_a.py", "@pytest.mark.skipif", "@pytest.mark.skipif(True)"),
        ("test_a.py", "@unittest.skip", "    @unittest.skip('x')"),
        ("a_test.go", "t.Skip", "\tt.Skip(\"flaky\")"),
        ("a_test.go", "t.SkipNow", "\tt.SkipNow()"),
        ("ATest.java", "@Disabled", "@Disabled"),
        ("ATest.java", "@Ignore", "@Ignore(\"x\")"),
    ] {
        let added = format!("+{line}");
        let expected = Some(format!("has a new `{marker}`"));
        assert_eq!(reason(path, &[" a", &added]), expected, "{line}");
        // It was there, only elsewhere; or it goes.
        let removed = format!("-{line}");
        assert_eq!(reason(path, &[&removed, " a", &added]), None, "{line}");
        assert_eq!(reason(path, &[&removed]), None, "{line}");
        assert_eq!(reason(path, &[&format!(" {line}")]), None, "{line}");
    }
}

#[test]
fn what_only_looks_like_a_marker_weakens_nothing() {
    for (path, line) in [
        ("tests/a.rs", "+let a = lines.skip(1).only(2);"),
        ("a.test.js", "+process.exit(1);"),
        ("a_test.go", "+assert.Skipped(x)"),
        ("a_test.go", "+client.Skip(x)"),
        ("ATest.java", "+@IgnoreWhitespace"),
        ("a.test.js", "+// it.skip is not used"),
    ] {
        assert_eq!(reason(path, &[line]), None, "{line}");
    }
}

#[test]
fn more_assertions_must_not_go_than_come() {
    for (path, assertion) in [
        ("tests/a.rs", "assert_eq!(a, b);"),
        ("tests/a.rs", "prop_assert!(a);"),
        ("tests/a.rs", "#[should_panic]"),
        ("ATest.swift", "XCTAssertEqual(a, b)"),
        ("test_a.py", "assert a == b"),
        ("a.test.ts", "expect(a).toBe(b);"),
        ("a.test.ts", "await expect(a).toBe(b);"),
        ("a.test.ts", "a.should.equal(b);"),
        ("a_test.go", "require.Equal(t, a, b)"),
        ("a_test.cc", "EXPECT_EQ(a, b);"),
    ] {
        let (gone, come) = (format!("-  {assertion}"), format!("+    {assertion}"));
        let lost = |removed, added| Some(format!("loses {removed} assertions and gains {added}"));
        assert_eq!(reason(path, &[&gone]), lost(1, 0), "{assertion}");
        assert_eq!(reason(path, &[&gone, &gone, &come]), lost(2, 1), "{assertion}");
        // To comment one out is to remove it.
        assert_eq!(reason(path, &[&gone, &format!("+// {assertion}")]), lost(1, 0), "{assertion}");
        assert_eq!(reason(path, &[&gone, &format!("+# {assertion}")]), lost(1, 0), "{assertion}");
        assert_eq!(reason(path, &[&gone, " x", &come]), None, "{assertion}");
        assert_eq!(reason(path, &[&come]), None, "{assertion}");
    }
    assert_eq!(reason("tests/a.rs", &["-let a = b.expect(\"a value\");", "+let a = c;"]), None);
    assert_eq!(reason("a.test.ts", &["-const a = unexpect(b);"]), None);
}

#[test]
fn a_test_may_be_moved_and_not_removed() {
    let head = "diff --git a/tests/a.rs b/tests/b.rs\n";
    let gone = format!(
        "{head}deleted file mode 100644\n--- a/tests/a.rs\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n"
    );
    assert_eq!(reason_of("tests/a.rs", &gone), Some("is deleted".to_owned()));
    let empty = format!("{head}deleted file mode 100644\nindex 1..0\n");
    assert_eq!(reason_of("tests/a.rs", &empty), Some("is deleted".to_owned()));
    let bare = "--- a/tests/a.rs\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n";
    assert_eq!(reason_of("tests/a.rs", bare), Some("is deleted".to_owned()));

    let moved =
        format!("{head}similarity index 100%\nrename from tests/a.rs\nrename to tests/b.rs\n");
    assert_eq!(reason_of("tests/b.rs", &moved), None);
    let changed = "--- a/tests/a.rs\n+++ b/tests/b.rs\n@@ -1 +1 @@\n-assert!(a);\n+let b = 1;\n";
    let lost = Some("loses 1 assertions and gains 0".to_owned());
    assert_eq!(reason_of("tests/b.rs", &format!("{moved}{changed}")), lost);
    let hidden = Some("is no longer where tests are".to_owned());
    assert_eq!(reason_of("old/a.rs.txt", &moved), hidden);

    // A name in the header is no assertion.
    let named = reason("tests/assert_all.rs", &["-assert!(a);"]);
    assert_eq!(named, Some("loses 1 assertions and gains 0".to_owned()));
    // The file's own lines are no headers, and there need not be one.
    let headless = "@@ -1 +1 @@\n-assert!(a);\n@@ -9 +8 @@\n x\n";
    let lost = Some("loses 1 assertions and gains 0".to_owned());
    assert_eq!(reason_of("tests/a.rs", headless), lost);
    let line = "@@ -1,2 +1,1 @@\n-x\n+++ /dev/null\n+deleted file mode\n";
    assert_eq!(reason_of("tests/a.rs", &format!("--- a/a\n+++ b/a\n{line}")), None);
}

#[test]
fn a_test_that_is_too_long_to_be_judged_is_a_hit_that_says_so() {
    let unjudged = Some(GateHit::Unjudged { path: "tests/a.rs".to_owned() });
    let change = |bytes: usize| {
        let head = "--- a/a\n+++ b/a\n@@ -1,2 +1 @@\n-assert!(a);\n+";
        format!("{head}{}\n", "x".repeat(bytes - head.len() - 1))
    };
    let lost = Some("loses 1 assertions and gains 0".to_owned());
    assert_eq!(reason_of("tests/a.rs", &change(SCANNED_BYTES)), lost);
    let long = change(SCANNED_BYTES + 1);
    assert_eq!(weakened_tests("tests/a.rs", Some(&long)), unjudged);
    assert_eq!(weakened_tests("tests/a.rs", None), unjudged);
    for patch in [Some(long.as_str()), None] {
        assert_eq!(weakened_tests("src/a.rs", patch), None);
    }
    // Its header is read, however much follows.
    let gone = format!("deleted file mode 100644\n{long}");
    assert_eq!(reason_of("tests/a.rs", &gone), Some("is deleted".to_owned()));
    let moved = format!("rename from tests/a.rs\nrename to src/a.rs\n{long}");
    assert_eq!(reason_of("src/a.rs", &moved), Some("is no longer where tests are".to_owned()));
}
