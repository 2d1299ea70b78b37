// Starts WEB_CONCURRENCY processes of the application; a single one serves itself, without a primary beside it.
import cluster from 'node:cluster'

import { build } from './app.js'

const { HOST = '127.0.0.1', PORT = '3000', WEB_CONCURRENCY = '1' } = process.env
const workers = Number(WEB_CONCURRENCY)

if (cluster.isPrimary && workers > 1) {
  for (let i = 0; i < workers; i++) cluster.fork()
  onSignal((signal) => Object.values(cluster.workers).forEach((worker) => worker.kill(signal)))
} else {
  const app = await build(process.env)
  await app.listen({ host: HOST, port: Number(PORT) })
  onSignal(() => app.close().then(() => process.exit()))
}

function onSignal(stop) {
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, stop)
}
