//! What a run makes of its directory: where it stands, what it says about the work, and what is published of it.

use patchrelay_domain::{
    BaseMerge, BranchName, CommitSha,
    prompt::{Conflict, ConflictKind},
};

use super::sim::{Act, Turn, World};

fn writes(content: &'static str) -> Turn {
    let write = Act::Writes { path: "src/lib.rs", content };
    Turn::of([(5, write), (5, Act::Ends("Done.".to_owned()))])
}

#[tokio::test(start_paused = true)]
async fn the_workflow_file_of_the_base_branch_is_in_the_prompt() {
    let mut world = World::with_delegated_ticket().await;
    {
        let mut state = world.sim.state();
        let main = BranchName::new("main");
        let tip = state.forge.branches[&main].clone();
        let mut files = state.forge.files(&tip);
        files.insert("IMPLEMENTATION_WORKFLOW.md".to_owned(), "Run `make check`.".to_owned());
        let with_workflow = state.forge.commit(files, Some(tip), None);
        state.forge.branches.insert(main, with_workflow);
    }
    world.start();
    world.assert_published_once().await;
    let turns = world.sim.state().agents.work_turns();
    assert!(turns[0].input.contains("| Run `make check`."), "{}", turns[0].input);
}

#[tokio::test(start_paused = true)]
async fn a_merge_is_published_when_its_conflicts_are_resolved_and_with_both_parents() {
    let mut world = World::with_delegated_ticket().await;
    let (head, base) = {
        let mut state = world.sim.state();
        let head = state.forge.branches[&BranchName::new("main")].clone();
        let base = CommitSha::new("b".repeat(40));
        state.disk.merge = Some(BaseMerge {
            head: head.clone(),
            base: base.clone(),
            conflicts: vec![Conflict {
                path: "src/lib.rs".to_owned(),
                kind: ConflictKind::Content,
            }],
        });
        state.agents.work.extend([writes("<<<<<<< ours"), writes("both")]);
        (head, base)
    };
    world.start();
    world.assert_published_once().await;
    let state = world.sim.state();
    let turns = state.agents.work_turns();
    assert_eq!(turns.len(), 2);
    assert!(turns[1].input.contains("`src/lib.rs` has conflict markers"), "{}", turns[1].input);
    let published = &state.forge.commits[&state.forge.pull_requests[0].value.head];
    assert_eq!((published.parent.as_ref(), published.merged.as_ref()), (Some(&head), Some(&base)));
}
