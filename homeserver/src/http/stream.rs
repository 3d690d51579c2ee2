//! A connection's bytes, with bounds on how long a client may keep the server waiting for them.

use bytes::{Buf as _, Bytes};
use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf},
    time::Sleep,
};

/// What every HTTP/2 connection begins with (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Reads until it shows which HTTP a client speaks. hyper waits for that without any bound of time, so it is given the
/// bytes only once they are enough to decide by.
///
/// # Errors
/// Those of the connection.
pub(super) async fn first_bytes(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Bytes> {
    let mut first = Vec::with_capacity(PREFACE.len());
    while first.len() < PREFACE.len() && PREFACE.starts_with(&first) {
        if stream.read_buf(&mut first).await? == 0 {
            break;
        }
    }
    Ok(first.into())
}

/// A connection of which some bytes were read already, and that ends where a client takes nothing of what it asked for.
#[derive(Debug)]
pub(super) struct Stream<S> {
    first: Bytes,
    inner: S,
    /// Longest time in which a client takes no byte.
    patience: Duration,
    /// Since the client took the last byte, while there are more for it.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<S> Stream<S> {
    pub fn new(inner: S, first: Bytes, patience: Duration) -> Self {
        Self { first, inner, patience, waiting: None }
    }

    /// Waits no longer than it may.
    fn bounded<T>(&mut self, polled: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.waiting = None;
            return polled;
        }
        let patience = self.patience;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        waiting.as_mut().poll(context).map(|()| Err(io::Error::new(io::ErrorKind::TimedOut, "nobody reads the answer")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stream<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.first.is_empty() {
            return Pin::new(&mut this.inner).poll_read(context, into);
        }
        let length = this.first.len().min(into.remaining());
        into.put_slice(&this.first.copy_to_bytes(length));
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_write(context, bytes);
        this.bounded(polled, context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_write_vectored(context, slices);
        this.bounded(polled, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_flush(context);
        this.bounded(polled, context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_shutdown(context);
        this.bounded(polled, context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncWriteExt as _, duplex};

    #[tokio::test]
    async fn what_was_read_to_decide_is_read_again() {
        for text in
            ["GET / HTTP/1.1\r\n\r\n", "PRI * HTTP/1.1\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nframes", "P", ""]
        {
            let (mut client, mut server) = duplex(1024);
            client.write_all(text.as_bytes()).await.unwrap();
            client.shutdown().await.unwrap();
            let first = first_bytes(&mut server).await.unwrap();
            let mut whole = String::new();
            Stream::new(server, first, Duration::from_secs(1)).read_to_string(&mut whole).await.unwrap();
            assert_eq!(whole, text);
        }
    }

    #[tokio::test]
    async fn an_answer_that_nobody_reads_ends_the_connection() {
        let (client, server) = duplex(1024);
        let mut stream = Stream::new(server, Bytes::new(), Duration::from_millis(20));
        let error = stream.write_all(&[0; 4096]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(client);
    }

    /// The time counts from the last byte that the client took.
    #[tokio::test]
    async fn an_answer_that_is_read_slowly_is_read_to_its_end() {
        let (mut client, server) = duplex(1);
        let patience = Duration::from_secs(5);
        let mut stream = Stream::new(server, Bytes::new(), patience);
        let write = async {
            stream.write_all(&[7; 64]).await.unwrap();
            assert!(stream.waiting.is_none());
        };
        let read = async {
            let mut bytes = [0; 64];
            client.read_exact(&mut bytes).await.unwrap();
            assert_eq!(bytes, [7; 64]);
        };
        tokio::join!(write, read);
    }
}
