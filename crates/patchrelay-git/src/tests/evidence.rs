//! What the gate is told of real changes (D29).

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
};

use patchrelay_domain::{GateHit, Now, RunType};
use patchrelay_ports::TreeState;

use super::world::{SECRETS, World, changed, hits, judged};

const TOKEN: &str = SECRETS[0].1;

fn secret(path: &str) -> GateHit {
    GateHit::Secret { name: SECRETS[0].0.to_owned(), path: path.to_owned() }
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// In base64 with the last two digits of either alphabet, without padding.
fn base64(text: &[u8], last: &[u8; 2]) -> String {
    let digits: Vec<u8> =
        (b'A'..=b'Z').chain(b'a'..=b'z').chain(b'0'..=b'9').chain(last.iter().copied()).collect();
    let bits: String = text.iter().map(|byte| format!("{byte:08b}")).collect();
    let digit = |bits: &[u8]| {
        let number = bits.iter().fold(0, |number, bit| number << 1 | usize::from(bit - b'0'));
        char::from(digits[number << (6 - bits.len())])
    };
    bits.as_bytes().chunks(6).map(digit).collect()
}

fn patch<'a>(state: &'a TreeState, path: &str) -> Option<&'a str> {
    let file = state.changes.files.iter().find(|file| file.path == path);
    file.expect("the path is changed").patch.as_deref()
}

#[tokio::test]
async fn each_changed_path_is_told_as_what_it_is_now() {
    let world = World::new().await;
    fs::write(world.human().join("kind"), "a file\n").expect("written");
    fs::write(world.human().join("script"), "echo\n").expect("written");
    world.human_pushes("trunk", "more").await;
    let worktree = world.prepare("run-1").await;
    let path = world.worktree();
    fs::remove_file(path.join("README")).expect("removed");
    fs::remove_file(path.join("kind")).expect("removed");
    symlink("src/lib.rs", path.join("kind")).expect("linked");
    fs::set_permissions(path.join("script"), fs::Permissions::from_mode(0o755))
        .expect("executable");
    world.write("data.bin", b"\0\x01\xff");
    world.write("text.txt", "a text\n");
    let state = world.inspect(&worktree).await;
    let told: Vec<_> =
        state.changes.files.iter().map(|file| (file.path.as_str(), file.now.clone())).collect();
    let file = |bytes, is_binary, is_executable| Now::File { bytes, is_binary, is_executable };
    assert_eq!(
        told,
        [
            ("README", Now::Gone),
            ("data.bin", file(3, true, false)),
            ("kind", Now::Link { target: "src/lib.rs".to_owned() }),
            ("script", file(5, false, true)),
            ("text.txt", file(7, false, false)),
        ]
    );
    assert_eq!(hits(&state), []);
    for (path, words) in [
        ("README", "deleted file mode"),
        ("data.bin", "new file mode"),
        ("kind", "new file mode 120000"),
        ("script", "new mode 100755"),
        ("text.txt", "+a text"),
    ] {
        assert!(patch(&state, path).expect("it is short").contains(words), "{path}");
    }
}

#[tokio::test]
async fn a_link_out_of_the_repository_is_told_with_its_target() {
    let world = World::new().await;
    let worktree = world.prepare("run-1").await;
    symlink("../../data/config", world.worktree().join("src/out")).expect("linked");
    symlink("../README", world.worktree().join("src/in")).expect("linked");
    let hit =
        GateHit::OutwardLink { path: "src/out".to_owned(), target: "../../data/config".to_owned() };
    assert_eq!(hits(&world.inspect(&worktree).await), [hit]);
}

#[tokio::test]
async fn a_secret_is_found_wherever_and_however_it_is_written() {
    let world = World::new().await;
    let worktree = world.prepare("run-1").await;
    let mut expected = Vec::new();
    let mut put = |path: &str, content: &[u8]| {
        world.write(path, content);
        expected.push(secret(path));
    };
    put("plain.txt", format!("token = {TOKEN}\n").as_bytes());
    for (n, before) in ["", "x", "xy"].into_iter().enumerate() {
        for (name, alphabet) in [("standard", b"+/"), ("url", b"-_")] {
            let text = base64(format!("{before}{TOKEN}").as_bytes(), alphabet);
            put(&format!("base64-{name}-{n}.txt"), text.as_bytes());
        }
    }
    put("hex.txt", hex(TOKEN).as_bytes());
    put("hex-upper.txt", hex(TOKEN).to_uppercase().as_bytes());
    put("binary.bin", &[b"\0\0\xff", TOKEN.as_bytes(), b"\0"].concat());
    // Behind anything that a short look would see.
    let far = [vec![b'\n'; 3 * 1024 * 1024], TOKEN.as_bytes().to_vec()].concat();
    put("far.txt", &far);
    // An attribute that lets git call every file binary, or none, changes nothing.
    world.write(".gitattributes", "* binary -diff\n");
    symlink(TOKEN, world.worktree().join("zz-link")).expect("linked");
    expected.push(secret("zz-link"));
    let mut found = world.inspect(&worktree).await.changes.found;
    found.sort_by_key(|hit| format!("{hit:?}"));
    expected.sort_by_key(|hit| format!("{hit:?}"));
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_path_with_a_secret_is_a_hit_and_never_shown() {
    let world = World::new().await;
    let worktree = world.prepare("run-1").await;
    world.write(&format!("{}.txt", hex(TOKEN)), "harmless\n");
    world.write(&format!("{}/.git/config", hex(TOKEN)), "harmless\n");
    symlink(format!("/{TOKEN}"), world.worktree().join("link")).expect("linked");
    let state = world.inspect(&worktree).await;
    let files: Vec<_> = state.changes.files.iter().map(|file| (&file.path, &file.now)).collect();
    let all = format!("{files:?}{:?}{:?}", state.changes.found, hits(&state));
    assert!(!all.contains(&hex(TOKEN)) && !all.contains(TOKEN), "{all}");
    assert!(state.changes.found.contains(&secret("(a path that contains it)")), "{all}");
}

#[tokio::test]
async fn what_the_same_file_had_before_is_not_the_changes_doing() {
    let world = World::new().await;
    fs::write(world.human().join("old.txt"), format!("{TOKEN}\n")).expect("written");
    world.human_pushes("trunk", "a leak of their own").await;
    let worktree = world.prepare("run-1").await;
    world.write("old.txt", format!("{TOKEN}\nanother line\n"));
    assert_eq!(world.inspect(&worktree).await.changes.found, []);
    world.write("copy.txt", TOKEN);
    world.write("old.txt", format!("{TOKEN}\n{}\n", SECRETS[1].1));
    let other = GateHit::Secret { name: SECRETS[1].0.to_owned(), path: "old.txt".to_owned() };
    let mut found = world.inspect(&worktree).await.changes.found;
    found.sort_by_key(|hit| format!("{hit:?}"));
    assert_eq!(found, [other, secret("copy.txt")]);
}

#[tokio::test]
async fn a_weakened_test_is_seen_in_a_repair_however_it_is_hidden() {
    let world = World::new().await;
    let test = "fn a() {\n    assert!(one());\n    assert!(two());\n}\n";
    for name in ["cut", "gone", "moved", "binary", "whole", "large"] {
        fs::create_dir_all(world.human().join("tests")).expect("made");
        let content = format!("// {name}\n{test}");
        fs::write(world.human().join(format!("tests/{name}.rs")), content).expect("written");
    }
    world.human_pushes("trunk", "tests").await;
    let worktree = world.prepare("run-1").await;
    let path = world.worktree();
    let read =
        |name: &str| fs::read_to_string(path.join(format!("tests/{name}.rs"))).expect("read");
    world.write(".gitattributes", "*.rs -diff binary\n");
    world.write("tests/cut.rs", read("cut").replace("    assert!(two());\n", ""));
    fs::remove_file(path.join("tests/gone.rs")).expect("removed");
    fs::rename(path.join("tests/moved.rs"), path.join("src/moved.rs")).expect("moved");
    world.write("tests/binary.rs", format!("{}\0", read("binary").replace("assert!", "drop")));
    fs::rename(path.join("tests/whole.rs"), path.join("tests/renamed.rs")).expect("moved");
    world.write("tests/large.rs", format!("{}//{}\n", read("large"), "x".repeat(1024 * 1024)));
    let state = world.inspect(&worktree).await;
    let weakened: Vec<_> = judged(&state, RunType::CiRepair)
        .into_iter()
        .filter_map(|hit| match hit {
            GateHit::WeakenedTest { path, .. } => Some(path),
            _ => None,
        })
        .collect();
    assert_eq!(weakened, ["src/moved.rs", "tests/binary.rs", "tests/cut.rs", "tests/gone.rs"]);
    let unjudged = GateHit::Unjudged { path: "tests/large.rs".to_owned() };
    assert!(judged(&state, RunType::CiRepair).contains(&unjudged));
    assert_eq!(hits(&state), [], "new work may change tests");
}

#[tokio::test]
async fn a_repair_does_not_get_past_the_gate_with_a_test_that_is_too_long_to_be_read() {
    let world = World::new().await;
    let (long, just) = ("x".repeat(1024 * 1024), "x".repeat(1024 * 1024 - 100));
    fs::create_dir_all(world.human().join("tests")).expect("made");
    fs::write(world.human().join("tests/long.rs"), format!("assert!(one());\n//{long}\n"))
        .expect("written");
    fs::write(world.human().join("tests/moved.rs"), format!("assert!(two());\n//{just}\n"))
        .expect("written");
    fs::write(world.human().join("notes"), "Notes.\n").expect("written");
    world.human_pushes("trunk", "tests").await;
    let worktree = world.prepare("run-1").await;
    let path = world.worktree();
    world.write("tests/long.rs", format!("//{long}\n"));
    // A file becomes a directory, and in it lies the test, grown so that no diff of it is made.
    fs::remove_file(path.join("notes")).expect("removed");
    fs::remove_file(path.join("tests/moved.rs")).expect("removed");
    world.write("notes/moved.txt", format!("//{just}\n//{}\n", "y".repeat(200)));
    let state = world.inspect(&worktree).await;
    for path in ["tests/long.rs", "notes/moved.txt"] {
        assert_eq!(patch(&state, path), None, "{path}");
    }
    let unjudged = |path: &str| GateHit::Unjudged { path: path.to_owned() };
    let expected = ["tests/long.rs", "tests/moved.rs"].map(unjudged);
    assert_eq!(judged(&state, RunType::CiRepair), expected);
}

#[tokio::test]
async fn a_diff_goes_to_its_own_path_whatever_the_names_and_kinds_are() {
    let world = World::new().await;
    let names = ["-x", "a\ndiff --git a/b b/b", "b", "\"quoted\"", "tab\there", "é"];
    for name in names {
        let path = world.human().join(name);
        fs::create_dir_all(path.parent().expect("it is below")).expect("made");
        fs::write(path, format!("old of {name}\n")).expect("written");
    }
    world.human_pushes("trunk", "names").await;
    let worktree = world.prepare("run-1").await;
    for name in names {
        fs::remove_file(world.worktree().join(name)).expect("removed");
        symlink(format!("new of {name}"), world.worktree().join(name)).expect("linked");
    }
    world.write("README", "diff --git a/x b/x\n");
    let state = world.inspect(&worktree).await;
    assert_eq!(changed(&state).len(), names.len() + 1);
    for name in names {
        let patch = patch(&state, name).expect("it is short");
        let first = name.lines().next().expect("a line");
        assert!(patch.contains(&format!("-old of {first}")), "{name}: {patch}");
        assert!(patch.contains(&format!("+new of {first}")), "{name}: {patch}");
    }
}

#[tokio::test]
async fn taking_back_what_a_human_did_is_seen_in_a_repair() {
    let world = World::new().await;
    let before = fs::read_to_string(world.human().join("src/lib.rs")).expect("read");
    fs::write(world.human().join("src/lib.rs"), "fn theirs() {}\n").expect("written");
    fs::write(world.human().join("theirs.txt"), "Theirs.\n").expect("written");
    let theirs = world.human_pushes("trunk", "Do what we need").await;
    fs::write(world.human().join("later.txt"), "Later.\n").expect("written");
    world.human_pushes("trunk", "Later").await;
    let worktree = world.prepare("run-1").await;
    let hit = GateHit::TakenBack { commit: theirs, subject: "Do what we need".to_owned() };

    world.write("src/lib.rs", &before);
    assert_eq!(judged(&world.inspect(&worktree).await, RunType::CiRepair), [], "half of it");
    fs::remove_file(world.worktree().join("theirs.txt")).expect("removed");
    let state = world.inspect(&worktree).await;
    assert_eq!(judged(&state, RunType::CiRepair), [hit]);
    assert_eq!(hits(&state), [], "a ticket may ask for that");
}

#[tokio::test]
async fn taking_back_our_own_work_is_told_as_ours() {
    let world = World::new().await;
    let first = world.prepare("run-1").await;
    world.write("src/lib.rs", "fn wrong() {}\n");
    let commit = world.publish(&first, "run-1", None).await;
    let second = world.prepare("run-2").await;
    world.write("src/lib.rs", "fn one() {}\n");
    let state = world.inspect(&second).await;
    let told = &state.changes.taken_back;
    assert!(told.len() == 1 && told[0].commit == commit && told[0].is_ours, "{told:?}");
    assert_eq!(judged(&state, RunType::ReviewFix), []);
}
