//! What operators are shown of the feed.

use serde_json::{Value, json};

use super::world::{World, issue, opened, read};

/// APP-1 with three lines, and then LIB-1 of another project with two.
async fn with_lines() -> World {
    let world = World::new().await;
    world.observe(&issue("t1"), vec![opened("s1", None), read("APP-1")]).await;
    world.observe(&issue("t1"), vec![opened("s2", None)]).await;
    world.observe_in("lib", &issue("t2"), vec![opened("s3", None), read("LIB-1")]).await;
    world
}

fn cursors(feed: &Value) -> Vec<i64> {
    let entries = feed["entries"].as_array().unwrap().iter();
    entries.map(|line| line["cursor"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn the_feed_is_its_newest_lines_oldest_first() {
    let world = with_lines().await;
    let feed = world.get("/api/feed").await.json();
    assert_eq!(cursors(&feed), [1, 2, 3, 4, 5]);
    assert_eq!(feed["cursor"], 5);
    assert_eq!(
        feed["entries"][1],
        json!({
            "cursor": 2,
            "at": "2026-01-02T03:04:05.000Z",
            "issue": "APP-1",
            "issue_id": "acme/t1",
            "project": "app",
            "kind": "observation",
            "level": "info",
            "event": "ticket_read",
            "text": "ticket \"Wish a good night\" is delegated to us, state Unstarted",
        })
    );
    assert_eq!(cursors(&world.get("/api/feed?limit=2").await.json()), [4, 5]);
}

#[tokio::test]
async fn the_feed_goes_on_after_a_cursor() {
    let world = with_lines().await;
    let feed = world.get("/api/feed?after=1&limit=2").await.json();
    assert_eq!((cursors(&feed), &feed["cursor"]), (vec![2, 3], &json!(3)));
    let end = world.get("/api/feed?after=5").await.json();
    assert_eq!((cursors(&end), &end["cursor"]), (vec![], &json!(5)));
    for wrong in ["after=6", "after=-1", "after=x", "limit=-1"] {
        let (status, _) = world.get(&format!("/api/feed?{wrong}")).await.code();
        assert_eq!(status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn the_feed_of_one_issue_is_its_own() {
    let world = with_lines().await;
    assert_eq!(cursors(&world.get("/api/feed?issue=APP-1").await.json()), [1, 2, 3]);
    assert_eq!(cursors(&world.get("/api/feed?issue=LIB-1&after=4").await.json()), [5]);
    let unknown = world.get("/api/feed?issue=APP-9").await;
    assert_eq!(unknown.code(), (404, "issue_not_found".to_owned()));
}

#[tokio::test]
async fn an_empty_feed_says_where_it_goes_on() {
    let world = World::new().await;
    let feed = world.get("/api/feed").await.json();
    assert_eq!(feed, json!({ "entries": [], "cursor": 0 }));
}

#[tokio::test]
async fn a_key_of_two_projects_asks_which_everywhere() {
    let world = World::new().await;
    world.observe(&issue("t1"), vec![opened("s1", None), read("APP-1")]).await;
    world.observe_in("lib", &issue("t2"), vec![opened("s2", None), read("APP-1")]).await;
    for path in [
        "/api/issues/APP-1?",
        "/api/issues/APP-1/explain?",
        "/api/issues/APP-1/observations?",
        "/api/issues/APP-1/runs?",
        "/api/feed?issue=APP-1&",
        "/api/stream?issue=APP-1&",
    ] {
        let answer = world.get(path).await;
        assert_eq!(answer.code(), (409, "ambiguous_key".to_owned()), "{path}");
        assert_eq!(answer.json()["error"]["projects"], json!(["app", "lib"]), "{path}");
        if !path.contains("stream") {
            assert_eq!(world.get(&format!("{path}project=lib")).await.status, 200, "{path}");
        }
    }
}
