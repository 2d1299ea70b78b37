// PocketBase commits with synchronous=NORMAL, which a power failure may undo; the others are not let off that either.
// The one connection that writes is told so at the start, and every minute, in case it was closed for idleness.
onBootstrap((event) => {
  event.next()
  event.app.nonconcurrentDB().newQuery("PRAGMA synchronous = FULL").execute()
})

cronAdd("durable", "* * * * *", () => {
  $app.nonconcurrentDB().newQuery("PRAGMA synchronous = FULL").execute()
})
