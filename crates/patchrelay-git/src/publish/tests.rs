use super::*;

#[test]
fn the_rejection_of_our_ref_is_found() {
    let porcelain = "To ../remote.git\n!\tabc:refs/heads/bot/x\t[rejected] (stale info)\nDone\n";
    assert_eq!(
        rejection(porcelain, "refs/heads/bot/x").as_deref(),
        Some("[rejected] (stale info)")
    );
    assert_eq!(
        rejection(
            "To ../remote.git\n*\tabc:refs/heads/bot/x\t[new branch]\nDone\n",
            "refs/heads/bot/x"
        ),
        None
    );
    assert_eq!(rejection("", "refs/heads/bot/x"), None);
}

#[test]
fn a_reason_is_what_git_and_the_remote_said() {
    let stderr =
        "remote: error: GH006: Protected branch update failed.\nerror: failed to push some refs\n";
    assert_eq!(
        reason("[remote rejected] (protected branch hook declined)", stderr),
        "[remote rejected] (protected branch hook declined)\nerror: GH006: Protected branch update failed."
    );
}
