//! Without webhooks: what the program is not told, it looks for.

use crate::world::{REPO, World, small_change};

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_worked_on_and_its_merge_is_seen_without_any_webhook() {
    let mut world = World::new(&small_change()).await;
    let config = std::fs::read_to_string(world.path("patchrelay.toml")).unwrap();
    let polling = config
        .replace("[github]\n", "[github]\npoll_seconds = 1\n")
        .replace("[linear]\n", "[linear]\npoll_seconds = 1\n");
    std::fs::write(world.path("patchrelay.toml"), polling).unwrap();
    world.serve_unheard().await;
    let ticket = world.linear.create_issue("Change it", "Please.");
    assert_ne!(world.linear.delegate(&ticket.key).await.status, 200, "it hears nothing");
    let pull_request = world.pull_request(&ticket.key).await;
    world.github.merge(REPO, pull_request.number).await.unwrap();
    world.issue(&ticket.key, |issue| issue["state"] == "done").await;
    // What is to be said goes into a comment, because nobody told of a session.
    assert!(!world.linear.comments(&ticket.key).is_empty());
    world.stop().await;
}
