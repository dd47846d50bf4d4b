import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('conversations', '0006_pin_prompts'),
    ]

    operations = [
        migrations.CreateModel(
            name='DeletedResponse',
            fields=[
                ('message_id', models.UUIDField(primary_key=True, serialize=False)),
                ('conversation', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='conversations.conversation')),
            ],
        ),
    ]
