// A task API on Fastify: schemas for what comes and goes, a token verified per request, a limit per user, one log line.
import rateLimit from '@fastify/rate-limit'
import { createVerifier } from 'fast-jwt'
import Fastify, { LogController } from 'fastify'
import pino from 'pino'

import * as schemas from './schemas.js'
import { Tasks } from './tasks.js'

const PREFIX = '/api/v1/users/me/tasks'
const CURSOR = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z)([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/

class AccessLog extends LogController {
  incomingRequest() {}

  requestCompleted(error, request, reply) {
    const { method, url } = request
    const line = { reqId: request.id, method, url, statusCode: reply.statusCode, responseTime: reply.elapsedTime }
    if (error) request.server.log.error({ ...line, err: error }, 'request failed')
    else request.server.log.info(line, 'request completed')
  }
}

export async function build({ DATABASE_URL, JWT_SECRET }) {
  const app = Fastify({
    // Lines are gathered and written 4 KiB at a time, as pino advises where throughput matters.
    loggerInstance: pino(pino.destination({ sync: false, minLength: 4096, periodicFlush: 1000 })),
    logController: new AccessLog(),
  })
  const tasks = new Tasks(DATABASE_URL)
  tasks.pool.on('error', (error) => app.log.error(error))
  app.addHook('onClose', () => tasks.close())
  app.setValidatorCompiler(schemas.validatorCompiler)
  app.setErrorHandler((error, request, reply) => {
    // What PostgreSQL finds wrong with a value (class 22: a NUL, a date out of range) is the sender's mistake.
    if (error.code?.length === 5 && error.code.startsWith('22')) error.statusCode = 400
    return reply.send(error)
  })
  acceptEmptyJson(app)
  app.get('/health/live', () => ({ status: 'ok' }))
  await app.register(async (scope) => {
    scope.decorateRequest('user', '')
    scope.addHook('onRequest', authentication(JWT_SECRET))
    await scope.register(rateLimit, {
      max: 1_000_000,
      timeWindow: '1 minute',
      cache: 20_000,
      keyGenerator: (request) => request.user,
    })
    routes(scope, tasks)
  })
  return app
}

function acceptEmptyJson(app) {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.removeContentTypeParser('application/json')
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) =>
    body === '' ? done(null, undefined) : parse(request, body, done),
  )
}

function authentication(secret) {
  const verify = createVerifier({
    key: secret,
    algorithms: ['HS256'],
    allowedIss: 'donewell',
    allowedAud: 'donewell',
    requiredClaims: ['sub', 'exp'],
    cache: 20_000,
  })
  return function authenticate(request, reply, done) {
    const header = request.headers.authorization
    try {
      if (!header?.startsWith('Bearer ')) throw new Error('There is no bearer token')
      request.user = verify(header.slice(7)).sub
    } catch {
      reply.header('www-authenticate', 'Bearer')
      done(failure(401, 'The access token is missing or not valid'))
      return
    }
    done()
  }
}

function routes(app, tasks) {
  const one = { 200: schemas.task }
  const params = schemas.taskId

  app.get(
    PREFIX,
    { schema: { querystring: schemas.listQuery, response: { 200: { type: 'array', items: schemas.task } } } },
    async (request, reply) => {
      const { limit, cursor, completed } = request.query
      const rows = await tasks.list(request.user, limit + 1, position(cursor), completed)
      if (rows.length > limit) {
        rows.pop()
        reply.header('link', nextLink(limit, completed, rows[limit - 1]))
      }
      return rows
    },
  )

  app.post(PREFIX, { schema: { body: schemas.newTask, response: { 201: schemas.task } } }, async (request, reply) => {
    const task = await tasks.create(request.user, request.body)
    reply.code(201).header('location', `${PREFIX}/${task.id}`)
    return answer(reply, task)
  })

  app.get(`${PREFIX}/:id`, { schema: { params, response: one } }, async (request, reply) =>
    answer(reply, await found(tasks, request)),
  )

  app.patch(`${PREFIX}/:id`, { schema: { params, body: schemas.changes, response: one } }, async (request, reply) =>
    answer(reply, await changed(tasks, request, request.body)),
  )

  // An empty body completes.
  app.patch(`${PREFIX}/:id/complete`, {
    schema: { params, body: schemas.completion, response: one },
    preValidation: (request, _, done) => {
      request.body ??= {}
      done()
    },
    handler: async (request, reply) => answer(reply, await changed(tasks, request, request.body)),
  })
}

async function found(tasks, request) {
  const task = await tasks.read(request.user, request.params.id)
  if (task === undefined) throw failure(404, 'There is no such task')
  return task
}

async function changed(tasks, request, changes) {
  const versions = expected(request.headers['if-match'])
  const task = await tasks.change(request.user, request.params.id, changes, versions)
  if (task !== undefined) return task
  await found(tasks, request)
  throw failure(412, 'The task has changed since the version you named')
}

function answer(reply, task) {
  reply.header('etag', `"${task.version}"`)
  return task
}

function expected(ifMatch) {
  if (ifMatch === undefined || ifMatch === '*') return null
  return ifMatch
    .split(',')
    .map((tag) => /^\s*"(\d{1,9})"\s*$/.exec(tag)?.[1])
    .filter(Boolean)
}

function position(cursor) {
  if (cursor === undefined) return undefined
  const parts = CURSOR.exec(Buffer.from(cursor, 'base64url').toString('latin1'))
  if (parts === null) throw failure(400, 'This is not a cursor of this list')
  return { created_at: parts[1], id: parts[2] }
}

function nextLink(limit, completed, last) {
  const cursor = Buffer.from(last.created_at + last.id, 'latin1').toString('base64url')
  const filter = completed === undefined ? '' : `&completed=${completed}`
  return `<${PREFIX}?limit=${limit}&cursor=${cursor}${filter}>; rel="next"`
}

function failure(statusCode, message) {
  return Object.assign(new Error(message), { statusCode })
}
