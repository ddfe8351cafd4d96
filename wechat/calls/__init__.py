"""The platform's calls by topic, typed; ``wechat.client.WeChatApi`` has them all."""
