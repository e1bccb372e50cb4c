use std::{fs, path::PathBuf};

use super::project_roots;

#[test]
fn a_checkout_is_its_own_project() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    fs::create_dir_all(root.join(".git")).unwrap();
    fs::create_dir_all(root.join("sub")).unwrap();
    assert!(project_roots(&root).contains(&root));
    let of_sub = project_roots(&root.join("sub"));
    assert!(of_sub.contains(&root) && of_sub.contains(&root.join("sub")));
}

#[test]
fn a_linked_worktree_leads_to_its_main_checkout_and_to_its_bare_clone() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    for (common, project) in [("main/.git", "main"), ("bare", "bare")] {
        let git_dir = root.join(common).join("worktrees/w");
        let tree = root.join(format!("tree-of-{project}"));
        fs::create_dir_all(&git_dir).unwrap();
        fs::create_dir_all(&tree).unwrap();
        fs::write(git_dir.join("commondir"), "../..\n").unwrap();
        fs::write(tree.join(".git"), format!("gitdir: {}\n", git_dir.display())).unwrap();
        let roots = project_roots(&tree);
        assert!(roots.contains(&tree) && roots.contains(&root.join(project)), "{roots:?}");
    }
}

#[test]
fn a_git_file_that_is_none_is_no_pointer() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(".git"), [0xff, 0xfe]).unwrap();
    assert!(project_roots(dir.path()).contains(dir.path()));
    assert!(
        project_roots(&PathBuf::from("/nonexistent/tree"))
            .contains(&PathBuf::from("/nonexistent/tree"))
    );
}
