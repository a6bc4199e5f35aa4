//! Directories on a real server: go-falcon's documents, and which directory counts.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has to panic")]

mod choose;
mod facts;
mod go_falcon;
mod permissions;

use mongodb::Database;
use mongodb::bson::Document;
use rolecall_adapters::store::mongo::MongoStore;
use rolecall_core::ids::UserId;
use rolecall_core::ports::StoreHealth as _;

/// A store in a database of its own on the server that `TEST_MONGODB_URI` names, and that database.
async fn fresh() -> (MongoStore, Database) {
    let uri = std::env::var("TEST_MONGODB_URI").expect(
        "TEST_MONGODB_URI is not set: start a MongoDB server for tests and set it to its address, \
         such as mongodb://127.0.0.1:27017/?directConnection=true",
    );
    let name = format!("rolecall_test_{}", uuid::Uuid::now_v7().simple());
    let store = MongoStore::connect(&uri, &name)
        .await
        .expect("the server of TEST_MONGODB_URI");
    store.prepare().await.unwrap();
    let client = mongodb::Client::with_uri_str(&uri).await.unwrap();
    (store, client.database(&name))
}

async fn put(db: &Database, collection: &str, documents: Vec<Document>) {
    let collection = db.collection::<Document>(collection);
    collection.insert_many(documents).await.unwrap();
}

fn user(n: usize) -> UserId {
    UserId(format!("00000000-0000-4000-8000-{n:012}"))
}
