//! Whether it lives, whether it is ready, and the listener itself.

use std::{net::Ipv4Addr, time::Duration};

use axum::http::StatusCode;
use patchrelay_domain::Hindrance;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;

use super::world::World;
use crate::serve;

#[tokio::test]
async fn health_tells_the_version_even_without_a_database() {
    let world = World::new().await;
    world.break_store().await;
    let answer = world.get("/health").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json(), json!({ "status": "ok", "version": "1.2.3" }));
}

#[tokio::test]
async fn ready_is_what_the_database_is() {
    let world = World::new().await;
    let ready = world.get("/ready").await;
    assert_eq!(ready.status, StatusCode::OK);
    let unknown = "unknown";
    let checks = json!({
        "database": "ok", "disk": "ok", "agent": unknown, "linear": unknown, "github": unknown, "reconcile": unknown,
    });
    assert_eq!(ready.json(), json!({ "ready": true, "checks": checks }));

    // One answer serves everybody for a while; then it is asked for again.
    world.break_store().await;
    assert_eq!(world.get("/ready").await.status, StatusCode::OK);
    tokio::time::pause();
    tokio::time::advance(std::time::Duration::from_secs(6)).await;
    tokio::time::resume();
    let broken = world.get("/ready").await;
    assert_eq!(broken.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(broken.json()["ready"], false);
    assert_eq!(broken.json()["checks"]["database"], "failed");
}

#[tokio::test]
async fn a_disk_that_is_nearly_full_is_told_and_does_not_make_it_unready() {
    let world = World::new().await;
    world.set_hindrance(Some(Hindrance::LittleSpace { free: 1, needed: 2_000_000 }));
    let ready = world.get("/ready").await;
    assert_eq!((ready.status, &ready.json()["checks"]["disk"]), (StatusCode::OK, &json!("low")));
    world.set_hindrance(None);
    assert_eq!(world.get("/ready").await.json()["checks"]["disk"], "ok");
}

#[tokio::test]
async fn a_model_that_bars_the_login_is_told_as_a_pause_of_the_agent() {
    let world = World::new().await;
    let until = patchrelay_domain::Timestamp::from_millis(1);
    world.set_hindrance(Some(Hindrance::ModelBars { until }));
    let ready = world.get("/ready").await;
    assert_eq!(ready.status, StatusCode::OK);
    let checks = &ready.json()["checks"];
    assert_eq!((&checks["agent"], &checks["disk"]), (&json!("paused"), &json!("ok")));
    world.set_hindrance(None);
    assert_eq!(world.get("/ready").await.json()["checks"]["agent"], "unknown");
}

/// On a real socket: the peer's address reaches the rule for operators, and a stop ends the service.
#[tokio::test]
async fn a_listener_serves_until_it_is_stopped() {
    let world = World::new().await;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let talk = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request =
            format!("GET /api/issues HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        stop.cancel();
        answer
    };
    let both = async { tokio::join!(serve(listener, world.state.clone(), stop.clone()), talk) };
    let (served, answer) = tokio::time::timeout(Duration::from_secs(30), both).await.unwrap();
    served.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("{\"issues\":[],\"cursor\":null}"), "{answer}");
    TcpStream::connect(address).await.unwrap_err();
}
