// What is accepted, in zod.
import { z } from 'zod'

const title = z.string().trim().min(1).max(255)
const description = z.string().max(16_384).nullable()
const priority = z.enum(['none', 'low', 'medium', 'high'])
const dueDate = z.iso.date().nullable()

export const TaskId = z.strictObject({ id: z.uuid() })

export const NewTask = z.strictObject({
  title,
  description: description.default(null),
  priority: priority.default('none'),
  due_date: dueDate.default(null),
})

export const Changes = z.strictObject({
  title: title.optional(),
  description: description.optional(),
  completed: z.boolean().optional(),
  priority: priority.optional(),
  due_date: dueDate.optional(),
})

export const Completion = z.strictObject({ completed: z.boolean().default(true) })

const Cursor = z.string().max(200).transform((text, context) => {
  const parts = CURSOR.exec(Buffer.from(text, 'base64url').toString('latin1'))
  if (parts !== null) return { created_at: parts[1], id: parts[2] }
  context.issues.push({ code: 'custom', message: 'This is not a cursor of this list', input: text })
  return z.NEVER
})
const CURSOR = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z)([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/

export const ListQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: Cursor.optional(),
  completed: z.stringbool({ truthy: ['true'], falsy: ['false'] }).optional(),
})

export function cursorAfter(task) {
  return Buffer.from(task.created_at + task.id, 'latin1').toString('base64url')
}
