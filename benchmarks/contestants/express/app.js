// A task API on Express: zod for what comes, Drizzle for what is kept, a token verified per request, one log line.
import { createSecretKey } from 'node:crypto'

import express from 'express'
import jwt from 'jsonwebtoken'
import pg from 'pg'
import pino from 'pino'
import pinoHttp from 'pino-http'

import { Changes, Completion, ListQuery, NewTask, TaskId, cursorAfter } from './schemas.js'
import { Tasks } from './tasks.js'

const PREFIX = '/api/v1/users/me/tasks'

export function build({ DATABASE_URL, JWT_SECRET }) {
  const app = express()
  app.disable('x-powered-by')
  // A hash over each body; a task has its version, which is set below.
  app.disable('etag')
  app.use(accessLog())
  app.get('/health/live', (request, response) => response.json({ status: 'ok' }))
  const pool = new pg.Pool({ connectionString: DATABASE_URL, max: 10, options: '-c TimeZone=UTC' })
  pool.on('error', console.error)
  app.use(PREFIX, authenticate(JWT_SECRET), express.json(), routes(new Tasks(pool)))
  app.use((request, response) => response.status(404).json({ message: 'There is nothing at this address' }))
  app.use(failed)
  return app
}

function accessLog() {
  return pinoHttp({
    // Lines are gathered and written 4 KiB at a time, as pino advises where throughput matters.
    stream: pino.destination({ sync: false, minLength: 4096, periodicFlush: 1000 }),
    wrapSerializers: false,
    serializers: {
      req: ({ id, method, originalUrl }) => ({ id, method, url: originalUrl }),
      res: ({ statusCode }) => ({ statusCode }),
    },
  })
}

function authenticate(secret) {
  // A key object: jsonwebtoken would make one of a string for every token.
  const key = createSecretKey(Buffer.from(secret))
  const options = { algorithms: ['HS256'], issuer: 'donewell', audience: 'donewell' }
  return (request, response, next) => {
    const [scheme, token] = (request.headers.authorization ?? '').split(' ')
    try {
      if (scheme !== 'Bearer') throw new Error('There is no bearer token')
      request.user = jwt.verify(token, key, options).sub
    } catch {
      response.set('www-authenticate', 'Bearer')
      throw failure(401, 'The access token is missing or not valid')
    }
    next()
  }
}

function routes(tasks) {
  const router = express.Router()

  router.get('/', async (request, response) => {
    const query = ListQuery.parse(request.query)
    const rows = await tasks.list(request.user, { ...query, limit: query.limit + 1 })
    if (rows.length > query.limit) {
      rows.pop()
      response.links({ next: nextPage(query, rows.at(-1)) })
    }
    response.json(rows)
  })

  router.post('/', async (request, response) => {
    const task = await tasks.create(request.user, NewTask.parse(request.body))
    response.status(201).location(`${PREFIX}/${task.id}`)
    answer(response, task)
  })

  router.get('/:id', async (request, response) => answer(response, await found(tasks, request)))

  router.patch('/:id', async (request, response) => {
    answer(response, await changed(tasks, request, Changes.parse(request.body)))
  })

  router.patch('/:id/complete', async (request, response) => {
    // An empty body completes.
    answer(response, await changed(tasks, request, Completion.parse(request.body ?? {})))
  })

  return router
}

async function found(tasks, request) {
  const task = await tasks.read(request.user, TaskId.parse(request.params).id)
  if (task === undefined) throw failure(404, 'There is no such task')
  return task
}

async function changed(tasks, request, changes) {
  const versions = expected(request.headers['if-match'])
  const task = await tasks.change(request.user, TaskId.parse(request.params).id, changes, versions)
  if (task !== undefined) return task
  await found(tasks, request)
  throw failure(412, 'The task has changed since the version you named')
}

function answer(response, task) {
  response.set('etag', `"${task.version}"`).json(task)
}

function expected(ifMatch) {
  if (ifMatch === undefined || ifMatch === '*') return undefined
  return ifMatch.split(',').flatMap((tag) => /^\s*"(\d{1,9})"\s*$/.exec(tag)?.[1] ?? [])
}

function nextPage({ limit, completed }, last) {
  const filter = completed === undefined ? '' : `&completed=${completed}`
  return `${PREFIX}?limit=${limit}&cursor=${cursorAfter(last)}${filter}`
}

function failure(status, message) {
  return Object.assign(new Error(message), { status })
}

// Express knows an error handler by its four parameters.
function failed(error, request, response, next) {
  if (response.headersSent) return next(error)
  if (error.name === 'ZodError') return response.status(400).json({ message: 'Not valid', issues: error.issues })
  // What PostgreSQL finds wrong with a value (class 22: a NUL, a date out of range) is the sender's mistake.
  const status = error.status ?? (error.cause?.code?.startsWith('22') ? 400 : 500)
  if (status === 500) response.err = error
  return response.status(status).json({ message: status === 500 ? 'Internal error' : error.message })
}
