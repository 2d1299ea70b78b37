// What is accepted (checked by Ajv) and what is answered (written by fast-json-stringify), in the order of the answer.
import Ajv from 'ajv'
import addFormats from 'ajv-formats'
import addKeywords from 'ajv-keywords'

const title = { type: 'string', transform: ['trim'], minLength: 1, maxLength: 255 }
const description = { type: ['string', 'null'], maxLength: 16_384 }
const priority = { type: 'string', enum: ['none', 'low', 'medium', 'high'] }
const dueDate = { type: ['string', 'null'], format: 'date' }

const strict = (properties, required = []) => ({ type: 'object', additionalProperties: false, properties, required })

export const taskId = strict({ id: { type: 'string', format: 'uuid' } })

export const listQuery = strict({
  limit: { type: 'integer', minimum: 1, maximum: 200, default: 50 },
  cursor: { type: 'string', maxLength: 200 },
  completed: { type: 'boolean' },
})

export const newTask = strict({ title, description, priority, due_date: dueDate }, ['title'])
export const changes = strict({ title, description, completed: { type: 'boolean' }, priority, due_date: dueDate })
export const completion = strict({ completed: { type: 'boolean', default: true } })

export const task = {
  type: 'object',
  properties: {
    id: { type: 'string', format: 'uuid' },
    user_id: { type: 'string', format: 'uuid' },
    version: { type: 'integer' },
    title: { type: 'string' },
    description: { type: 'string', nullable: true },
    completed: { type: 'boolean' },
    completed_at: { type: 'string', format: 'date-time', nullable: true },
    priority: { type: 'string' },
    due_date: { type: 'string', format: 'date', nullable: true },
    created_at: { type: 'string', format: 'date-time' },
    updated_at: { type: 'string', format: 'date-time' },
  },
}

// Text of an address becomes numbers and booleans; a JSON body must have the right types itself.
const text = compiler({ coerceTypes: true })
const json = compiler({ coerceTypes: false })

export const validatorCompiler = ({ schema, httpPart }) => (httpPart === 'body' ? json : text).compile(schema)

function compiler(options) {
  const ajv = new Ajv({ useDefaults: true, removeAdditional: false, allowUnionTypes: true, ...options })
  addFormats(ajv)
  addKeywords(ajv, ['transform'])
  return ajv
}
