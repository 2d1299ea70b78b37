// The tasks of one user at a time in PostgreSQL. Every statement has a name, so each connection prepares it once.
import pg from 'pg'
import { v7 as uuidv7 } from 'uuid'

const COLUMNS =
  'id, user_id, version, title, description, completed, completed_at, priority, due_date, created_at, updated_at'

const READ = { name: 'read', text: `SELECT ${COLUMNS} FROM tasks WHERE user_id = $1 AND id = $2` }
const CREATE = {
  name: 'create',
  text: `INSERT INTO tasks (id, user_id, title, description, priority, due_date)
         VALUES ($1, $2, $3, $4, $5, $6) RETURNING ${COLUMNS}`,
}

// Kept as text: a Date would cost more, and would cut microseconds off, which a keyset cursor needs.
const TYPES = new pg.TypeOverrides()
TYPES.setTypeParser(pg.types.builtins.DATE, (text) => text)
TYPES.setTypeParser(pg.types.builtins.TIMESTAMPTZ, (text) => `${text.slice(0, 10)}T${text.slice(11, -3)}Z`)

export class Tasks {
  constructor(url) {
    this.pool = new pg.Pool({ connectionString: url, max: 10, options: '-c TimeZone=UTC', types: TYPES })
  }

  close() {
    return this.pool.end()
  }

  async list(user, limit, after, completed) {
    const values = [user, limit]
    const conditions = ['user_id = $1']
    let name = 'list'
    if (completed !== undefined) {
      name += ' completed'
      conditions.push(`completed = $${values.push(completed)}`)
    }
    if (after !== undefined) {
      name += ' after'
      conditions.push(`(created_at, id) < ($${values.push(after.created_at)}, $${values.push(after.id)})`)
    }
    const text = `SELECT ${COLUMNS} FROM tasks WHERE ${conditions.join(' AND ')}
                  ORDER BY created_at DESC, id DESC LIMIT $2`
    return (await this.pool.query({ name, text, values })).rows
  }

  async read(user, id) {
    return (await this.pool.query({ ...READ, values: [user, id] })).rows[0]
  }

  async create(user, { title, description = null, priority = 'none', due_date: dueDate = null }) {
    const values = [uuidv7(), user, title, description, priority, dueDate]
    return (await this.pool.query({ ...CREATE, values })).rows[0]
  }

  // Undefined when there is no such task, or none of one of the `versions` (null: any).
  async change(user, id, changes, versions) {
    const fields = Object.keys(changes).sort()
    const values = [user, id, versions]
    const set = fields.map((field) => `${field} = $${values.push(changes[field])}`)
    if ('completed' in changes) {
      const given = `$${4 + fields.indexOf('completed')}`
      set.push(`completed_at = CASE WHEN ${given} THEN coalesce(completed_at, now()) END`)
    }
    const text = `UPDATE tasks SET ${['version = version + 1', 'updated_at = now()', ...set].join(', ')}
                  WHERE user_id = $1 AND id = $2 AND ($3::int[] IS NULL OR version = ANY ($3)) RETURNING ${COLUMNS}`
    return (await this.pool.query({ name: `change ${fields}`, text, values })).rows[0]
  }
}
