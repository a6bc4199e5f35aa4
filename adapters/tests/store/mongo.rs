//! MongoDB: the suite, on a real server.

mod chunks;
mod old_documents;
mod pool;
mod scheduler_tasks;
mod seed_documents;

use async_trait::async_trait;
use rolecall_adapters::store::mongo::MongoStore;

use crate::fixture::{Fixture, Stores};

/// A database of its own on the server that `TEST_MONGODB_URI` names.
pub(crate) struct Mongo {
    uri: String,
    database: String,
    stores: Stores,
}

async fn open(uri: &str, database: &str) -> Stores {
    let store = MongoStore::connect(uri, database)
        .await
        .expect("the server of TEST_MONGODB_URI");
    Stores::of(&store).with_directory(&store)
}

#[async_trait]
impl Fixture for Mongo {
    const MODEL_CASES: u32 = 24;
    const MODEL_COMMANDS: usize = 300;

    async fn fresh() -> Option<Self> {
        // A store that was not tried must not look like one that passed.
        let uri = std::env::var("TEST_MONGODB_URI").expect(
            "TEST_MONGODB_URI is not set: start a MongoDB server for tests and set it to its address, \
             such as mongodb://127.0.0.1:27017/?directConnection=true",
        );
        let database = format!("rolecall_test_{}", uuid::Uuid::now_v7().simple());
        let stores = open(&uri, &database).await;
        let problems = stores.health.prepare().await.unwrap();
        assert_eq!(problems, Vec::<String>::new());
        Some(Self {
            uri,
            database,
            stores,
        })
    }

    fn stores(&self) -> &Stores {
        &self.stores
    }

    async fn again(&self) -> Stores {
        open(&self.uri, &self.database).await
    }
}

impl Mongo {
    /// The database itself, to put there what others may have written.
    async fn database(&self) -> mongodb::Database {
        let client = mongodb::Client::with_uri_str(&self.uri).await.unwrap();
        client.database(&self.database)
    }
}

crate::every_store!(crate::mongo::Mongo);
crate::importing_store!(crate::mongo::Mongo);
