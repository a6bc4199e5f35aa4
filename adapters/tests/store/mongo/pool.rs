//! Connections are pooled: many reads at once make few of them, and those that come later make none.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mongodb::options::ClientOptions;
use rolecall_adapters::store::mongo::MongoStore;
use rolecall_core::ports::StoreHealth;
use tokio::net::{TcpListener, TcpStream};

/// The driver's largest pool unless the address says otherwise, and its own two connections that watch the server.
const MOST: usize = 10 + 2;

/// Hands connections on to a server and counts them. Its address.
async fn counted(server: String, count: Arc<AtomicUsize>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let server = server.clone();
            tokio::spawn(async move {
                let mut far = TcpStream::connect(server).await.unwrap();
                // It ends when either side hangs up.
                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn many_reads_at_once_share_few_connections() {
    let uri = std::env::var("TEST_MONGODB_URI").expect("run by scripts/test-services, which starts a server");
    let server = ClientOptions::parse(&uri).await.unwrap().hosts[0].to_string();
    let count = Arc::new(AtomicUsize::new(0));
    let near = counted(server.clone(), Arc::clone(&count)).await;
    let store = MongoStore::connect(&uri.replace(&server, &near), "rolecall_test_pool")
        .await
        .unwrap();
    for _ in 0..3 {
        let reads = (0..100).map(|_| store.ping());
        for read in futures::future::join_all(reads).await {
            read.unwrap();
        }
    }
    let made = count.load(Ordering::SeqCst);
    assert!((1..=MOST).contains(&made), "{made} connections for 300 reads");
}
