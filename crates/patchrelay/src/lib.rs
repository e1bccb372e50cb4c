//! PatchRelay as a library: hand it a world, and it turns delegated tickets into merged pull requests.
//!
//! The world is a set of [`ports`]; the adapters of this workspace implement them for Linear, GitHub, git, codex and
//! SQLite, and an embedder may bring others. Decisions are in [`domain`] and need none of it.
//!
//! ```no_run
//! # async fn embed(
//! #     store: std::sync::Arc<dyn patchrelay::ports::Store>,
//! #     tracker: std::sync::Arc<dyn patchrelay::ports::Tracker>,
//! #     forge: std::sync::Arc<dyn patchrelay::ports::Forge>,
//! #     agent: std::sync::Arc<dyn patchrelay::ports::AgentRuntime>,
//! #     workspaces: std::sync::Arc<dyn patchrelay::ports::Workspaces>,
//! #     clock: std::sync::Arc<dyn patchrelay::ports::Clock>,
//! #     ids: std::sync::Arc<dyn patchrelay::ports::Ids>,
//! #     project: patchrelay::domain::Project,
//! # ) -> Result<(), Box<dyn std::error::Error>> {
//! let stop = patchrelay::CancellationToken::new();
//! patchrelay::PatchRelay::builder()
//!     .store(store)
//!     .tracker(tracker)
//!     .forge(forge)
//!     .agent(agent)
//!     .workspaces(workspaces)
//!     .clock(clock)
//!     .ids(ids)
//!     .settings(patchrelay::Settings { projects: vec![project], ..Default::default() })
//!     .build()?
//!     .run_until(stop)
//!     .await?;
//! # Ok(())
//! # }
//! ```

mod builder;

pub use patchrelay_domain as domain;
pub use patchrelay_engine::{EngineError, Nudge, Settings};
pub use patchrelay_ports as ports;
pub use tokio_util::sync::CancellationToken;

pub use crate::builder::{BuildError, Builder, PatchRelay};
