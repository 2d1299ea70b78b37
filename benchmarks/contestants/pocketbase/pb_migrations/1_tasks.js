// The collection of tasks: each belongs to a user, who alone sees and changes it.
migrate((app) => {
  const mine = "user = @request.auth.id"
  app.save(
    new Collection({
      type: "base",
      name: "tasks",
      listRule: mine,
      viewRule: mine,
      createRule: `@request.auth.id != "" && ${mine}`,
      updateRule: mine,
      deleteRule: mine,
      fields: [
        {
          name: "user",
          type: "relation",
          collectionId: "_pb_users_auth_",
          cascadeDelete: true,
          required: true,
          maxSelect: 1,
        },
        { name: "version", type: "number", onlyInt: true },
        { name: "title", type: "text", required: true, max: 255 },
        { name: "description", type: "text", max: 16384 },
        { name: "completed", type: "bool" },
        { name: "completed_at", type: "date" },
        { name: "priority", type: "select", values: ["none", "low", "medium", "high"], maxSelect: 1 },
        { name: "due_date", type: "date" },
        { name: "created", type: "autodate", onCreate: true },
        { name: "updated", type: "autodate", onCreate: true, onUpdate: true },
      ],
      indexes: ["CREATE INDEX tasks_listing_idx ON tasks (user, created DESC, id DESC)"],
    }),
  )
})
