// The tasks of one user at a time, in Drizzle. What does not change from call to call is prepared.
import { and, desc, eq, inArray, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { boolean, customType, date, integer, pgTable, text, uuid, varchar } from 'drizzle-orm/pg-core'
import { v7 as uuidv7 } from 'uuid'

// Kept as text: a Date would cut microseconds off, which a keyset cursor needs.
const instant = customType({
  dataType: () => 'timestamptz',
  fromDriver: (value) => `${value.slice(0, 10)}T${value.slice(11, -3)}Z`,
})

const tasks = pgTable('tasks', {
  id: uuid().primaryKey(),
  user_id: uuid().notNull(),
  version: integer().notNull().default(1),
  title: varchar({ length: 255 }).notNull(),
  description: text(),
  completed: boolean().notNull().default(false),
  completed_at: instant(),
  priority: text().notNull().default('none'),
  due_date: date({ mode: 'string' }),
  created_at: instant().notNull().default(sql`now()`),
  updated_at: instant().notNull().default(sql`now()`),
})

const $ = sql.placeholder
const mine = eq(tasks.user_id, $('user'))
const one = and(mine, eq(tasks.id, $('id')))
const after = sql`(${tasks.created_at}, ${tasks.id}) < (${$('created_at')}, ${$('id')})`
const ofState = eq(tasks.completed, $('completed'))

export class Tasks {
  constructor(pool) {
    const db = drizzle({ client: pool })
    const list = (name, ...conditions) =>
      db
        .select()
        .from(tasks)
        .where(and(mine, ...conditions))
        .orderBy(desc(tasks.created_at), desc(tasks.id))
        .limit($('limit'))
        .prepare(name)
    this.db = db
    this.lists = {
      all: { first: list('list'), after: list('list_after', after) },
      ofState: { first: list('list_of_state', ofState), after: list('list_of_state_after', ofState, after) },
    }
    this.one = db.select().from(tasks).where(one).prepare('read')
    this.insert = db
      .insert(tasks)
      .values({
        id: $('id'),
        user_id: $('user'),
        title: $('title'),
        description: $('description'),
        priority: $('priority'),
        due_date: $('due_date'),
      })
      .returning()
      .prepare('create')
  }

  list(user, { limit, cursor, completed }) {
    const lists = completed === undefined ? this.lists.all : this.lists.ofState
    const query = cursor === undefined ? lists.first : lists.after
    return query.execute({ user, limit, completed, ...cursor })
  }

  async read(user, id) {
    return (await this.one.execute({ user, id }))[0]
  }

  async create(user, task) {
    return (await this.insert.execute({ id: uuidv7(), user, ...task }))[0]
  }

  // Undefined when there is no such task, or none of one of the `versions` (undefined: any).
  async change(user, id, changes, versions) {
    const set = { ...changes, version: sql`${tasks.version} + 1`, updated_at: sql`now()` }
    if (changes.completed !== undefined) {
      set.completed_at = changes.completed ? sql`coalesce(${tasks.completed_at}, now())` : null
    }
    const asExpected = versions && inArray(tasks.version, versions)
    const target = and(eq(tasks.user_id, user), eq(tasks.id, id), asExpected)
    return (await this.db.update(tasks).set(set).where(target).returning())[0]
  }
}
